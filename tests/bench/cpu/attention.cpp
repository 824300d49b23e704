// Attention, fused and through batched products.
#include "kernels/cpu/attention.h"

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/softmax.h"
#include "tests/bench/cpu/cases.h"

namespace stepcast::bench {
namespace {

void BM_Attention(benchmark::State& state, bool backward) {
  const AttentionShape shape{.batch = 4,
                             .heads = 8,
                             .kv_heads = state.range(2),
                             .queries = state.range(0),
                             .keys = state.range(0),
                             .head_dim = state.range(1),
                             .causal = true,
                             .scale = 0.125f};
  const std::int64_t width = 3 * 8 * shape.head_dim, tokens = shape.batch * shape.queries;
  const auto part = [&](auto* data, std::int64_t i) {
    return HeadsView<std::remove_pointer_t<decltype(data)>>{
        data + i * 8 * shape.head_dim, shape.queries * width, width, shape.head_dim};
  };
  const auto result = [&](auto* data) {
    const std::int64_t row = 8 * shape.head_dim;
    return HeadsView<std::remove_pointer_t<decltype(data)>>{data, shape.queries * row, row,
                                                            shape.head_dim};
  };
  Pool qkv(tokens * width, 1), out(tokens * width / 3, 2), dout(tokens * width / 3, 3);
  Pool dqkv(tokens * width, 4);
  std::vector<float> sums(static_cast<std::size_t>(8 * tokens), 5.0f);
  for (auto _ : state) {
    const float* x = qkv.next();
    const auto q = part(x, 0), k = part(x, 1), v = part(x, 2);
    if (!backward) {
      cpu::attention_forward(shape, q, k, v, result(out.next()), sums.data());
    } else {
      float* d = dqkv.next();
      const float *y = out.next(), *dy = dout.next();
      cpu::attention_backward(shape, q, k, v, result(y), sums.data(), result(dy), part(d, 0),
                              part(d, 1), part(d, 2));
    }
  }
  const auto kind =
      backward ? KernelKind::kFlashAttentionBackward : KernelKind::kFlashAttentionForward;
  report(state,
         kernel_of(kind, {4, 8, shape.kv_heads, shape.queries, shape.keys, shape.head_dim}, true));
}
/// Tokens, head_dim, heads of keys.
void attention_shapes(benchmark::internal::Benchmark* b) {
  b->Args({128, 32, 8})->Args({256, 64, 8})->Args({1024, 64, 8})->Args({1024, 64, 2});
}
BENCHMARK_CAPTURE(BM_Attention, forward, false)->Apply(attention_shapes);
BENCHMARK_CAPTURE(BM_Attention, backward, true)->Apply(attention_shapes);

/// Through batched products and a softmax: 32 heads, each dense. Flops are those of whole matrices.
struct Unfused {
  static constexpr std::int64_t kMatrices = 32, kLength = 256, kWidth = 64;
  static constexpr std::int64_t kPart = kMatrices * kLength * kWidth;
  static constexpr std::int64_t kSquare = kMatrices * kLength * kLength;
  static constexpr double kProduct = 2.0 * static_cast<double>(kSquare * kWidth);
  static constexpr SoftmaxShape kScores{
      .matrices = kMatrices, .queries = kLength, .keys = kLength, .causal = true, .scale = 0.125F};

  Pool q{kPart, 1}, k{kPart, 2}, v{kPart, 3}, dout{kPart, 4}, out{kPart, 5};
  Pool scores{kSquare, 6}, dscores{kSquare, 7};

  static void each_head(Gemm shape, const float* a, const float* b, float* c) {
    shape.outer = kMatrices;
    shape.a.outer = shape.m * shape.k;
    shape.b.outer = shape.k * shape.n;
    shape.c.outer = shape.m * shape.n;
    cpu::gemm(shape, a, b, c);
  }
  static constexpr Gemm kOfScores{.m = kLength, .n = kLength, .k = kWidth, .transpose_b = true};
  static constexpr Gemm kOfResults{.m = kLength, .n = kWidth, .k = kLength};
  static constexpr Gemm kBack{.m = kLength, .n = kWidth, .k = kLength, .transpose_a = true};
};

void BM_UnfusedAttentionForward(benchmark::State& state) {
  Unfused u;
  for (auto _ : state) {
    float* const p = u.scores.next();
    Unfused::each_head(Unfused::kOfScores, u.q.next(), u.k.next(), p);
    cpu::softmax_forward(Unfused::kScores, p, p);
    Unfused::each_head(Unfused::kOfResults, p, u.v.next(), u.out.next());
  }
  rate(state, "flops", 2 * Unfused::kProduct);
}
BENCHMARK(BM_UnfusedAttentionForward);

void BM_UnfusedAttentionBackward(benchmark::State& state) {
  Unfused u;
  for (auto _ : state) {
    float* const p = u.scores.next();
    float* const d = u.dscores.next();
    const float* const dout = u.dout.next();
    Unfused::each_head(Unfused::kOfScores, dout, u.v.next(), d);
    Unfused::each_head(Unfused::kBack, p, dout, u.out.next());
    cpu::softmax_backward(Unfused::kScores, p, d, d);
    Unfused::each_head(Unfused::kOfResults, d, u.k.next(), u.out.next());
    Unfused::each_head(Unfused::kBack, d, u.q.next(), u.out.next());
  }
  rate(state, "flops", 4 * Unfused::kProduct);
}
BENCHMARK(BM_UnfusedAttentionBackward);

}  // namespace
}  // namespace stepcast::bench
