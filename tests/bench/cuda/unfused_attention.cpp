// Attention through batched products and a softmax, causal, bf16: 2 sequences of 1,024 tokens, 32
// heads of 128, each head dense. The products are of whole matrices, with what the mask hides.
#include <cmath>

#include "kernels/ops/gemm.h"
#include "kernels/ops/softmax.h"
#include "tests/bench/cuda/cases.h"

namespace stepcast::bench {
namespace {

constexpr std::int64_t kLength = 1024, kMatrices = 64, kWidth = 128;
constexpr double kProduct = 2.0 * kMatrices * kLength * kLength * kWidth;
constexpr SoftmaxShape kScores{
    .matrices = kMatrices, .queries = kLength, .keys = kLength, .causal = true, .scale = 0.088F};
static_assert(kMatrices * kLength * kLength <= kElements);

/// One product per head; matrices lie one after the other.
void each_head(Bench& b, Gemm shape, const Bf16* x, const Bf16* y, Bf16* result) {
  shape.outer = kMatrices;
  shape.a.outer = shape.m * shape.k;
  shape.b.outer = shape.k * shape.n;
  shape.c.outer = shape.m * shape.n;
  cuda::gemm({.shape = shape, .dtype = Dtype::kBf16, .result = Dtype::kBf16}, x, y, result,
             b.context);
}

constexpr Gemm kScoresShape{.m = kLength, .n = kLength, .k = kWidth, .transpose_b = true};
constexpr Gemm kResultShape{.m = kLength, .n = kWidth, .k = kLength};
constexpr Gemm kBackShape{.m = kLength, .n = kWidth, .k = kLength, .transpose_a = true};

struct Tensors {
  const Bf16 *q, *k, *v, *dout;
  Bf16 *scores, *dscores, *out;

  explicit Tensors(const Bench& b)
      : q(b.z.data()),
        k(b.z.data() + kElements),
        v(b.z.data() + 2 * kElements),
        dout(b.x.data()),
        scores(b.result.data()),
        dscores(b.result.data() + kElements),
        out(b.y.data()) {}
};

void forward(Bench& b) {
  const Tensors t(b);
  each_head(b, kScoresShape, t.q, t.k, t.scores);
  cuda::softmax_forward<Bf16>(kScores, t.scores, t.scores, b.context);
  each_head(b, kResultShape, t.scores, t.v, t.out);
}

/// From the probabilities that forward left.
void backward(Bench& b) {
  const Tensors t(b);
  constexpr std::int64_t kPart = kMatrices * kLength * kWidth;
  each_head(b, kScoresShape, t.dout, t.v, t.dscores);
  each_head(b, kBackShape, t.scores, t.dout, t.out);
  cuda::softmax_backward<Bf16>(kScores, t.scores, t.dscores, t.dscores, b.context);
  each_head(b, kResultShape, t.dscores, t.k, t.out + kPart);
  each_head(b, kBackShape, t.dscores, t.q, t.out + 2 * kPart);
}

}  // namespace

void add_unfused_attention(Bench& bench) {
  add(bench, {.name = "unfused_attention_forward", .flops = 2 * kProduct}, forward);
  add(bench, {.name = "unfused_attention_backward", .flops = 4 * kProduct, .check = forward},
      backward);
}

}  // namespace stepcast::bench
