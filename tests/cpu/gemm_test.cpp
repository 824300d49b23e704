#include "kernels/reference/gemm.h"

#include <array>
#include <cmath>

#include "kernels/cpu/tuned_kernels.h"
#include "kernels/reference/activation.h"
#include "tests/support/tensors.h"

namespace stepcast {
namespace {

constexpr std::array<std::array<std::int64_t, 3>, 8> kShapes = {{{1, 1, 1},
                                                                 {1, 7, 33},
                                                                 {7, 1, 129},
                                                                 {33, 129, 7},
                                                                 {64, 64, 64},
                                                                 {129, 33, 65},
                                                                 {5, 257, 1},
                                                                 {200, 31, 300}}};

void expect_equal_products(const Gemm& shape, std::int64_t size_a, std::int64_t size_b,
                           std::int64_t size_c) {
  const auto a = random_values(size_a, 1), b = random_values(size_b, 2);
  std::vector<float> got = random_values(size_c, 3), want = got;
  cpu::gemm(shape, a.data(), b.data(), got.data());
  reference::gemm(shape, a.data(), b.data(), want.data());
  expect_close(got, want, {.terms = shape.k});
}

TEST(Gemm, AllTransposesShapesAndLeadingDimensions) {
  for (const auto& [m, n, k] : kShapes)
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const std::int64_t gap : {0, 3}) {
          const Gemm shape{.m = m,
                           .n = n,
                           .k = k,
                           .transpose_a = ta,
                           .transpose_b = tb,
                           .lda = (ta ? m : k) + gap,
                           .ldb = (tb ? k : n) + gap,
                           .ldc = n + gap,
                           .alpha = 0.5f,
                           .beta = gap == 0 ? 1.0f : 0.0f};
          expect_equal_products(shape, (ta ? k : m) * shape.lda, (tb ? n : k) * shape.ldb,
                                m * shape.ldc);
        }
}

// Scores of 3 sequences of 5 tokens, 4 query heads on 2 key heads of 6, inside one projection of
// width 4 * 6 + 2 * 6 + 2 * 6 = 48.
TEST(Gemm, HeadsInsideOneProjection) {
  const std::int64_t width = 48, tokens = 5, d = 6;
  const Gemm scores{.m = tokens,
                    .n = tokens,
                    .k = d,
                    .transpose_b = true,
                    .lda = width,
                    .ldb = width,
                    .outer = 3,
                    .inner = 4,
                    .a = {.outer = tokens * width, .inner = d},
                    .b = {.outer = tokens * width, .inner = d, .share = 2},
                    .c = {.outer = 4 * tokens * tokens, .inner = tokens * tokens}};
  const auto qkv = random_values(3 * tokens * width, 1);
  std::vector<float> got(3 * 4 * tokens * tokens), want(got.size());
  cpu::gemm(scores, qkv.data(), qkv.data() + 4 * d, got.data());
  reference::gemm(scores, qkv.data(), qkv.data() + 4 * d, want.data());
  expect_close(got, want, {.terms = d});
  // Sequence 1, head 3, query 2, key 4 by hand: key head 3 / 2 = 1.
  double sum = 0;
  for (std::int64_t i = 0; i < d; ++i)
    sum += static_cast<double>(qkv[(tokens + 2) * width + 3 * d + i]) *
           qkv[(tokens + 4) * width + 4 * d + d + i];
  EXPECT_NEAR(got[((1 * 4 + 3) * tokens + 2) * tokens + 4], sum, 1e-5);
}

TEST(Gemm, BetaOfZeroForgetsEvenNan) {
  const std::vector<float> a = {2}, b = {3};
  std::vector<float> c = {NAN};
  cpu::gemm({.m = 1, .n = 1, .k = 1}, a.data(), b.data(), c.data());
  EXPECT_EQ(c[0], 6);
}

TEST(Gemm, NothingToMultiplyLeavesZeros) {
  std::vector<float> c = {5, 5};
  cpu::gemm({.m = 1, .n = 2, .k = 0}, c.data(), c.data(), c.data());
  EXPECT_EQ(c, (std::vector<float>{0, 0}));
}

TEST(GemmBias, IsProductPlusBias) {
  for (const auto& [m, n, k] : kShapes) {
    const auto a = random_values(m * k, 1), b = random_values(n * k, 2), bias = random_values(n, 3);
    std::vector<float> got(m * n), want(m * n);
    cpu::gemm_bias({.m = m, .n = n, .k = k}, a.data(), b.data(), bias.data(), got.data());
    for (std::int64_t i = 0; i < m * n; ++i) want[i] = bias[i % n];
    reference::gemm({.m = m, .n = n, .k = k, .beta = 1}, a.data(), b.data(), want.data());
    expect_close(got, want, {.terms = k + 1});
  }
}

// More rows than one block of the epilogue holds: 300 rows of 4,000 columns are five of them.
TEST(GemmBiasActivation, KeepsTheProductAndWritesTheActivation) {
  for (const bool transpose_a : {false, true}) {
    const std::int64_t m = 300, n = 4000, k = 5;
    const Gemm shape{.m = m, .n = n, .k = k, .transpose_a = transpose_a};
    const auto a = random_values(m * k, 1), b = random_values(n * k, 2), bias = random_values(n, 3);
    std::vector<float> product(m * n), got(m * n), want_product(m * n), want(m * n);
    cpu::gemm_bias_activation(shape, Activation::kGeluTanh, a.data(), b.data(), bias.data(),
                              product.data(), got.data());
    reference::gemm(shape, a.data(), b.data(), want_product.data());
    reference::activation_forward({.kind = Activation::kGeluTanh, .rows = m, .cols = n},
                                  want_product.data(), bias.data(), want.data());
    expect_close(product, want_product, {.terms = k});
    expect_close(got, want, {.terms = k});
  }
}

// Two matrices inside wider rows, b transposed, added to what is there.
template <typename T, typename Result>
void expect_narrow_product(double epsilon) {
  const Gemm shape{.m = 7,
                   .n = 33,
                   .k = 65,
                   .transpose_b = true,
                   .lda = 70,
                   .ldb = 66,
                   .ldc = 40,
                   .beta = 1,
                   .outer = 2,
                   .a = {.outer = 7 * 70},
                   .b = {.outer = 33 * 66},
                   .c = {.outer = 7 * 40}};
  const auto a = rounded<T>(random_values(2 * 7 * 70, 1));
  const auto b = rounded<T>(random_values(2 * 33 * 66, 2));
  std::vector<Result> c(2 * 7 * 40);
  const auto before = random_values(2 * 7 * 40, 3);
  for (std::size_t i = 0; i < c.size(); ++i) store(c[i], before[i]);
  std::vector<float> want = widened(c), workspace(cpu::gemm_workspace(shape));
  cpu::gemm(shape, a.data(), b.data(), c.data(), workspace.data());
  reference::gemm(shape, widened(a).data(), widened(b).data(), want.data());
  expect_close(widened(c), want, {.epsilon = epsilon, .elementary = 1.1, .terms = 1});
}

// By way of fp32 copies, and as they are where oneDNN and the core can.
TEST(Gemm, NarrowOperandsAreMultipliedInFp32AndRoundedOnce) {
  for (const bool tuned : {false, true}) {
    SCOPED_TRACE(tuned ? "as it comes" : "without oneDNN");
    cpu::allow_tuned_kernels(tuned);
    expect_narrow_product<Bf16, Bf16>(reference::kBf16Epsilon);
    expect_narrow_product<Fp16, Fp16>(reference::kFp16Epsilon);
    expect_narrow_product<Bf16, float>(32 * reference::kFp32Epsilon);
    expect_narrow_product<Fp16, float>(32 * reference::kFp32Epsilon);
  }
}

TEST(Gemm, RepeatsToTheLastBit) {
  const Gemm shape{.m = 129, .n = 65, .k = 333};
  const auto a = random_values(shape.m * shape.k, 1), b = random_values(shape.k * shape.n, 2);
  std::vector<float> first(shape.m * shape.n), second(first.size());
  cpu::gemm(shape, a.data(), b.data(), first.data());
  cpu::gemm(shape, a.data(), b.data(), second.data());
  EXPECT_EQ(first, second);
}

}  // namespace
}  // namespace stepcast
