// Kernels of kernels/cpu/, one thread. Buffers are rotated through 8 MiB, twice the second cache
// and more: a hot buffer flatters. `flops` is arithmetic per second, `bytes` the traffic of
// bytes_of() (sim/compute/kernels.h) per second.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "kernels/cpu/activation.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/batch_norm.h"
#include "kernels/cpu/compression.h"
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/dropout.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/norm.h"
#include "kernels/cpu/optimizer.h"
#include "kernels/cpu/pooling.h"
#include "kernels/cpu/rotary.h"
#include "kernels/cpu/softmax.h"
#include "sim/compute/kernels.h"
#include "tests/support/tensors.h"

namespace stepcast {
namespace {

constexpr std::int64_t kRotated = 2 * 1024 * 1024;  ///< floats of a pool

/// Tensors of n floats that take turns.
class Pool {
 public:
  Pool(std::int64_t n, std::uint32_t seed)
      : n_(n), tensors_(std::max<std::int64_t>(kRotated / n, 1)) {
    // Repeating a short stretch keeps set-up short.
    const auto some = random_values(std::min<std::int64_t>(n, 10007), seed);
    values_.resize(static_cast<std::size_t>(n * tensors_));
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = some[i % some.size()];
  }
  float* next() { return values_.data() + next_++ % tensors_ * n_; }

 private:
  std::int64_t n_;
  std::int64_t tensors_;
  std::int64_t next_ = 0;
  std::vector<float> values_;
};

void report(benchmark::State& state, const Kernel& kernel) {
  using benchmark::Counter;
  const auto rate = Counter::kIsIterationInvariantRate;
  state.counters["flops"] = Counter(flops_of(kernel).value(), rate);
  state.counters["bytes"] = Counter(static_cast<double>(bytes_of(kernel).value()), rate);
}

Kernel kernel_of(KernelKind kind, KernelDims dims, bool causal = false) {
  return {.kind = kind, .dtype = Dtype::kFp32, .causal = causal, .dims = dims};
}

void BM_Gemm(benchmark::State& state, bool transpose_a, bool transpose_b) {
  const std::int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  Pool a(m * k, 1), b(k * n, 2), c(m * n, 3);
  const Gemm shape{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b};
  for (auto _ : state) cpu::gemm(shape, a.next(), b.next(), c.next());
  report(state, kernel_of(KernelKind::kGemmForward, {m, n, k}));
}
const std::vector<std::vector<std::int64_t>> kGemms = {
    {128, 128, 128}, {512, 512, 512}, {1024, 256, 768}, {1024, 1024, 256}};
void gemm_shapes(benchmark::internal::Benchmark* b) {
  for (const auto& shape : kGemms) b->Args(shape);
}
BENCHMARK_CAPTURE(BM_Gemm, NN, false, false)->Apply(gemm_shapes);
BENCHMARK_CAPTURE(BM_Gemm, NT, false, true)->Apply(gemm_shapes);
BENCHMARK_CAPTURE(BM_Gemm, TN, true, false)->Apply(gemm_shapes);

void BM_GemmBiasGelu(benchmark::State& state) {
  const std::int64_t m = 1024, n = 1024, k = 256;
  Pool a(m * k, 1), b(k * n, 2), bias(n, 3), product(m * n, 4), y(m * n, 5);
  for (auto _ : state)
    cpu::gemm_bias_activation({.m = m, .n = n, .k = k}, Activation::kGeluTanh, a.next(), b.next(),
                              bias.next(), product.next(), y.next());
  report(state, kernel_of(KernelKind::kGemmForward, {m, n, k}));
}
BENCHMARK(BM_GemmBiasGelu);

void BM_Attention(benchmark::State& state, bool backward) {
  const AttentionShape shape{.batch = 4,
                             .heads = 8,
                             .kv_heads = 8,
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
  report(state, kernel_of(kind, {4, 8, 8, shape.queries, shape.keys, shape.head_dim}, true));
}
BENCHMARK_CAPTURE(BM_Attention, forward, false)->Args({128, 32})->Args({256, 64})->Args({1024, 64});
BENCHMARK_CAPTURE(BM_Attention, backward, true)->Args({128, 32})->Args({256, 64})->Args({1024, 64});

/// A memory-bound kernel of `rows` by `cols` elements on four tensors that take turns.
using Streaming = std::function<void(std::int64_t rows, std::int64_t cols, std::array<Pool*, 4>)>;

void BM_Streaming(benchmark::State& state, KernelKind kind, const Streaming& run) {
  const std::int64_t rows = state.range(0), cols = state.range(1);
  Pool a(rows * cols, 1), b(rows * cols, 2), c(rows * cols, 3), d(rows * cols, 4);
  for (auto _ : state) run(rows, cols, {&a, &b, &c, &d});
  const bool rows_and_columns = !info(kind).dim_names[1].empty();
  report(state,
         kernel_of(kind, rows_and_columns ? KernelDims{rows, cols} : KernelDims{rows * cols}));
}

const std::vector<float> kVector(65536, 1.0f);
std::vector<float> vector_gradient(65536), more_gradient(65536), row_values(65536);
const float* const kNoBias = nullptr;

void streaming_sizes(benchmark::internal::Benchmark* b) {
  b->Args({64, 256})->Args({1024, 1024})->Args({4096, 4096});
}
#define STEPCAST_STREAMING(name, kind, ...)                                              \
  BENCHMARK_CAPTURE(                                                                     \
      BM_Streaming, name, KernelKind::kind,                                              \
      [](std::int64_t rows, std::int64_t cols, std::array<Pool*, 4> p) { __VA_ARGS__; }) \
      ->Apply(streaming_sizes)

STEPCAST_STREAMING(layer_norm, kLayerNormForward,
                   cpu::layer_norm_forward({.rows = rows, .cols = cols}, p[0]->next(),
                                           kVector.data(), kVector.data(), p[1]->next()));
STEPCAST_STREAMING(layer_norm_backward, kLayerNormBackward,
                   cpu::layer_norm_backward({.rows = rows, .cols = cols}, p[0]->next(),
                                            kVector.data(), p[1]->next(), p[2]->next(), false,
                                            vector_gradient.data(), more_gradient.data()));
STEPCAST_STREAMING(rms_norm, kRmsNormForward,
                   cpu::rms_norm_forward({.rows = rows, .cols = cols}, p[0]->next(), kVector.data(),
                                         p[1]->next()));
STEPCAST_STREAMING(gelu, kGeluForward,
                   cpu::activation_forward({.rows = rows, .cols = cols}, p[0]->next(),
                                           kVector.data(), p[1]->next()));
STEPCAST_STREAMING(
    gelu_erf, kGeluForward,
    cpu::activation_forward({.kind = Activation::kGeluErf, .rows = rows, .cols = cols},
                            p[0]->next(), kVector.data(), p[1]->next()));
STEPCAST_STREAMING(gelu_backward, kGeluBackward,
                   cpu::activation_backward({.rows = rows, .cols = cols}, p[0]->next(),
                                            kVector.data(), p[1]->next(), p[2]->next(),
                                            vector_gradient.data()));
STEPCAST_STREAMING(swiglu, kSwigluForward,
                   cpu::swiglu_forward({.rows = rows, .cols = cols, .stride = cols}, p[0]->next(),
                                       p[1]->next(), p[2]->next()));
STEPCAST_STREAMING(softmax, kScoreSoftmaxForward,
                   cpu::softmax_forward({.matrices = 1, .queries = rows, .keys = cols},
                                        p[0]->next(), p[1]->next()));
STEPCAST_STREAMING(softmax_backward, kScoreSoftmaxBackward,
                   cpu::softmax_backward({.matrices = 1, .queries = rows, .keys = cols},
                                         p[0]->next(), p[1]->next(), p[2]->next()));
STEPCAST_STREAMING(residual, kResidualDropoutForward,
                   cpu::residual_dropout_forward({.rows = rows, .cols = cols}, {}, p[0]->next(),
                                                 kNoBias, static_cast<const float*>(p[1]->next()),
                                                 p[2]->next()));
STEPCAST_STREAMING(residual_dropout, kResidualDropoutForward,
                   cpu::residual_dropout_forward({.rows = rows, .cols = cols},
                                                 {.probability = 0.1, .seed = 1}, p[0]->next(),
                                                 kNoBias, static_cast<const float*>(p[1]->next()),
                                                 p[2]->next()));
STEPCAST_STREAMING(cross_entropy_sums, kCrossEntropyForward, {
  static const std::vector<std::int32_t> targets(65536, 3);
  const CrossEntropyShape shape{
      .tokens = rows, .first = 0, .last = static_cast<std::int32_t>(cols)};
  const float* logits = p[0]->next();
  cpu::row_maxima(shape, logits, row_values.data());
  cpu::exp_sums(shape, logits, targets.data(), row_values.data(), vector_gradient.data(),
                more_gradient.data());
});
STEPCAST_STREAMING(copy, kCopy,
                   cpu::copy({.rows = rows, .cols = cols, .from_stride = cols, .to_stride = cols},
                             p[0]->next(), p[1]->next()));
STEPCAST_STREAMING(
    transpose, kCopy,
    cpu::transpose({.rows = rows, .cols = cols, .from_stride = cols, .to_stride = rows},
                   p[0]->next(), p[1]->next()));
STEPCAST_STREAMING(add, kAddGradient,
                   cpu::add(rows* cols, p[0]->next(), p[1]->next(), p[2]->next()));
STEPCAST_STREAMING(adam, kAdam,
                   cpu::adam({.learning_rate = 0}, rows* cols, p[0]->next(), p[1]->next(),
                             p[2]->next(), p[3]->next()));
STEPCAST_STREAMING(gradient_norm, kGradNorm,
                   benchmark::DoNotOptimize(cpu::sum_of_squares(rows* cols, p[0]->next())));

/// Counts bytes and flops by hand: not in the catalogue.
void BM_Convolution(benchmark::State& state) {
  const ConvolutionShape shape{.images = 2,
                               .in_channels = 64,
                               .height = 56,
                               .width = 56,
                               .out_channels = 64,
                               .kernel = 3,
                               .padding = 1};
  Pool x(2 * 64 * 56 * 56, 1), y(2 * 64 * 56 * 56, 2), weights(64 * shape.patch(), 3);
  std::vector<float> workspace(static_cast<std::size_t>(shape.workspace()));
  for (auto _ : state)
    cpu::convolution_forward(shape, x.next(), weights.next(), y.next(), workspace.data());
  const std::int64_t products = 2 * 64 * shape.patch() * shape.positions();
  state.counters["flops"] = benchmark::Counter(2 * static_cast<double>(products),
                                               benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(BM_Convolution);

/// A kernel of n = 2^20 floats outside the catalogue that moves `bytes` per element.
void BM_Outside(benchmark::State& state, double bytes,
                void (*run)(std::int64_t n, std::array<Pool*, 3>)) {
  constexpr std::int64_t kN = 1 << 20;
  Pool a(kN, 1), b(kN, 2), c(kN, 3);
  for (auto _ : state) run(kN, {&a, &b, &c});
  state.counters["bytes"] =
      benchmark::Counter(bytes * kN, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(BM_Outside, batch_norm, 8, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::batch_norm_forward({.images = 4, .channels = 64, .pixels = n / 256}, p[0]->next(),
                          kVector.data(), kVector.data(), p[1]->next(), nullptr, nullptr);
});
BENCHMARK_CAPTURE(BM_Outside, max_pooling, 5, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::max_pooling_forward(
      {.planes = n / 4096, .height = 64, .width = 64, .window = 2, .stride = 2}, p[0]->next(),
      p[1]->next());
});
BENCHMARK_CAPTURE(BM_Outside, quantize, 5, [](std::int64_t n, std::array<Pool*, 3> p) {
  static std::vector<std::int8_t> q(1 << 20);
  cpu::quantize({.n = n}, p[0]->next(), q.data(), p[1]->next());
});
BENCHMARK_CAPTURE(BM_Outside, top_k, 4, [](std::int64_t n, std::array<Pool*, 3> p) {
  static std::vector<std::int32_t> indices(1 << 20), workspace(1 << 20);
  cpu::top_k(n, n / 100, p[0]->next(), indices.data(), p[1]->next(), workspace.data());
});
BENCHMARK_CAPTURE(BM_Outside, sgd, 20, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::sgd({.learning_rate = 0}, n, p[0]->next(), p[1]->next(), p[2]->next());
});
BENCHMARK_CAPTURE(BM_Outside, cast_to_bf16, 6, [](std::int64_t n, std::array<Pool*, 3> p) {
  static std::vector<Bf16> narrow(1 << 20);
  cpu::cast(n, p[0]->next(), narrow.data());
});

void BM_Rotary(benchmark::State& state) {
  const RotaryShape shape{
      .sequences = 4, .tokens = 512, .heads = 16, .head_dim = 64, .stride = 1024};
  const RotaryTable table(shape.tokens, shape.head_dim);
  Pool x(4 * 512 * 1024, 1), y(4 * 512 * 1024, 2);
  for (auto _ : state) cpu::rotary(shape, table, false, x.next(), y.next());
  report(state, kernel_of(KernelKind::kRotaryForward, {4 * 512 * 1024}));
}
BENCHMARK(BM_Rotary);

void BM_Embedding(benchmark::State& state, bool backward) {
  const EmbeddingShape shape{.tokens = 2048, .width = 1024, .first = 0, .last = 4096};
  const auto ids = random_ids(2048, 4096, 1);
  Pool table(4096 * 1024, 1), y(2048 * 1024, 2);
  for (auto _ : state) {
    if (backward)
      cpu::embedding_backward(shape, ids.data(), y.next(), table.next());
    else
      cpu::embedding_forward(shape, ids.data(), table.next(), y.next(), false);
  }
  report(state, kernel_of(backward ? KernelKind::kEmbeddingBackward : KernelKind::kEmbeddingForward,
                          {2048, 1024}));
}
BENCHMARK_CAPTURE(BM_Embedding, forward, false);
BENCHMARK_CAPTURE(BM_Embedding, backward, true);

}  // namespace
}  // namespace stepcast
