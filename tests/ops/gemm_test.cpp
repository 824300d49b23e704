// What cuBLASLt is told comes to the product of kernels/reference/gemm.h: in the emulation its side
// is plain loops over column-major matrices.
#include "kernels/ops/gemm.h"

#include <cmath>

#include "kernels/ops/fp8.h"
#include "kernels/ops/lt_arguments.h"
#include "kernels/reference/gemm.h"
#include "sim/base/error.h"
#include "tests/ops/on_device.h"

namespace stepcast::cuda {
namespace {

template <typename T>
constexpr Dtype kDtypeOf = std::is_same_v<T, Bf16>   ? Dtype::kBf16
                           : std::is_same_v<T, Fp16> ? Dtype::kFp16
                                                     : Dtype::kFp32;

/// Elements from the first of the first matrix to the last of the last.
std::int64_t extent(const Gemm& g, const BatchStride& s, std::int64_t lines, std::int64_t line,
                    std::int64_t row) {
  return (g.outer - 1) * s.outer + (g.inner - 1) / s.share * s.inner + (lines - 1) * row + line;
}

template <typename T, typename Result>
void expect_product(const Gemm& g) {
  TestDevice device;
  const auto a = as_stored<T>(random_values(
      extent(g, g.a, g.transpose_a ? g.k : g.m, g.transpose_a ? g.m : g.k, g.row_a()), 1));
  const auto b = as_stored<T>(random_values(
      extent(g, g.b, g.transpose_b ? g.n : g.k, g.transpose_b ? g.k : g.n, g.row_b()), 2));
  auto c = as_stored<Result>(random_values(extent(g, g.c, g.m, g.n, g.row_c()), 3));
  const auto on_a = on_device<T>(a), on_b = on_device<T>(b);
  const auto on_c = on_device<Result>(c);
  gemm({.shape = g, .dtype = kDtypeOf<T>, .result = kDtypeOf<Result>}, on_a.data(), on_b.data(),
       on_c.data(), device.context);
  reference::gemm(g, a.data(), b.data(), c.data());
  // Of a batch whose results are shared, each product rounds the sum to Result once more.
  const double rounds = static_cast<double>(g.c.share - 1) * kEpsilonOf<Result>;
  expect_stored(on_c, c,
                {.elementary = 8 + 2 * rounds / reference::kFp32Epsilon, .terms = g.k + g.c.share});
}

void expect_all_types(const Gemm& g) {
  expect_product<float, float>(g);
  expect_product<Bf16, Bf16>(g);
  expect_product<Bf16, float>(g);
  expect_product<Fp16, Fp16>(g);
  expect_product<Fp16, float>(g);
}

TEST(GemmOps, AllFourLayoutsWithWideRows) {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true})
      for (const std::int64_t extra : {0, 5})
        for (const float beta : {0.0f, 1.0f})
          expect_all_types({.m = 7,
                            .n = 11,
                            .k = 5,
                            .transpose_a = transpose_a,
                            .transpose_b = transpose_b,
                            .lda = extra ? 20 : 0,
                            .ldb = extra ? 21 : 0,
                            .ldc = extra ? 22 : 0,
                            .alpha = 0.5f,
                            .beta = beta});
}

// Scores q k' of 2 sequences with 6 query and 3 key heads inside one projection of width 96, and
// the gradient of k, which two query heads share.
TEST(GemmOps, HeadsOfSequencesInsideAPackedProjection) {
  const std::int64_t s = 5, d = 8, width = 96;
  const BatchStride queries{.outer = s * width, .inner = d};
  const BatchStride keys{.outer = s * width, .inner = d, .share = 2};
  const BatchStride scores{.outer = 6 * s * s, .inner = s * s};
  expect_all_types({.m = s,
                    .n = s,
                    .k = d,
                    .transpose_b = true,
                    .lda = width,
                    .ldb = width,
                    .outer = 2,
                    .inner = 6,
                    .a = queries,
                    .b = keys,
                    .c = scores});
  expect_product<float, float>({.m = s,
                                .n = d,
                                .k = s,
                                .transpose_a = true,
                                .ldb = width,
                                .ldc = width,
                                .beta = 1,
                                .outer = 2,
                                .inner = 6,
                                .a = scores,
                                .b = queries,
                                .c = keys});
}

TEST(GemmOps, DenseBatchesTakeOneCallAndSharedOnesOnePerSharer) {
  const BatchStride dense{.outer = 60, .inner = 20}, shared{.outer = 20, .inner = 20, .share = 3};
  Gemm g{.m = 4, .n = 5, .k = 4, .outer = 2, .inner = 3, .a = dense, .b = dense, .c = dense};
  const auto calls = [&] { return lt_calls({.shape = g}, nullptr, nullptr, nullptr); };
  ASSERT_EQ(calls().size(), 1U);
  EXPECT_EQ(calls()[0].arguments.count, 6);
  g.b = shared;
  ASSERT_EQ(calls().size(), 6U);
  EXPECT_EQ(calls()[4].arguments.count, 1);
  EXPECT_EQ(calls()[4].a_offset, 60 + 20);
  EXPECT_EQ(calls()[4].b_offset, 20);
}

// Alignment selects kernels: 16 elements of 2 bytes are 32 bytes, and a stride of 4 only 8.
TEST(GemmOps, AlignmentIsThatOfTheWorstMatrix) {
  const Gemm g{.m = 2,
               .n = 2,
               .k = 2,
               .inner = 2,
               .a = {.inner = 16},
               .b = {.inner = 4},
               .c = {.inner = 64}};
  const auto calls = lt_calls({.shape = g, .dtype = Dtype::kBf16, .result = Dtype::kBf16}, nullptr,
                              nullptr, nullptr);
  EXPECT_EQ(calls[0].arguments.alignment, (std::array<std::uint32_t, 3>{8, 32, 128}));
}

TEST(GemmOps, EpiloguesAddBiasAndApplyGelu) {
  TestDevice device;
  const Gemm g{.m = 9, .n = 16, .k = 8, .transpose_b = true};
  const auto a = random_values(72, 1), b = random_values(128, 2), bias = random_values(16, 3);
  std::vector<float> product(144);
  reference::gemm(g, a.data(), b.data(), product.data());
  const DeviceArray<float> on_a(a), on_b(b), on_bias(bias), c(144), before(144);
  for (const Epilogue epilogue : {Epilogue::kBias, Epilogue::kGelu, Epilogue::kBiasGelu}) {
    std::vector<float> want = product;
    if (epilogue != Epilogue::kGelu)
      for (std::size_t i = 0; i < want.size(); ++i) want[i] += bias[i % 16];
    const std::vector<float> curved = want;
    const bool gelu = epilogue != Epilogue::kBias;
    if (gelu)
      cpu::activation_forward({.kind = Activation::kGeluTanh, .rows = 9, .cols = 16}, curved.data(),
                              static_cast<const float*>(nullptr), want.data());
    gemm({.shape = g,
          .epilogue = epilogue,
          .bias = on_bias.data(),
          .before_gelu = gelu ? before.data() : nullptr},
         on_a.data(), on_b.data(), c.data(), device.context);
    expect_close(from_device(c), want, {.elementary = 64, .terms = 16});
    if (gelu) expect_close(from_device(before), curved, {.terms = 16});
  }
}

/// x as fp8 numbers on the device, and what they stand for.
struct Scaled {
  Scaled(Fp8 kind, const std::vector<float>& x, TestDevice& device) : numbers(x.size()) {
    const DeviceArray<float> on_x(x);
    const auto n = static_cast<std::int64_t>(x.size());
    fp8_scale(kind, n, on_x.data(), scale.data(), device.context);
    cast_to_fp8(kind, n, on_x.data(), scale.data(), numbers.data(), device.context);
    for (const std::uint8_t number : numbers.values())
      values.push_back(scale.values()[0] * from_fp8(kind, number));
  }
  DeviceArray<float> scale{1};
  DeviceArray<std::uint8_t> numbers;
  std::vector<float> values;
};

TEST(GemmOps, Fp8OperandsAreScaled) {
  TestDevice device;
  const Gemm g{.m = 16, .n = 32, .k = 48, .transpose_b = true};
  for (const Fp8 kind : {Fp8::kE4m3, Fp8::kE5m2}) {
    const Scaled a(kind, random_values(16 * 48, 1, 100), device);
    const Scaled b(Fp8::kE4m3, random_values(32 * 48, 2, 0.01), device);
    std::vector<float> want(16 * 32);
    const DeviceArray<Bf16> c(want.size());
    gemm({.shape = g,
          .dtype = Dtype::kFp8,
          .result = Dtype::kBf16,
          .scale_a = a.scale.data(),
          .scale_b = b.scale.data(),
          .fp8_a = kind},
         a.numbers.data(), b.numbers.data(), c.data(), device.context);
    reference::gemm(g, a.values.data(), b.values.data(), want.data());
    // Tensor cores of Hopper add fp8 products with some 14 bits.
    expect_stored(c, want, {.elementary = 16, .terms = 48 * 1024});
  }
}

TEST(GemmOps, WhatCublasLtCannotDoIsRefusedByName) {
  const auto refused = [](const Product& product) {
    EXPECT_THROW(lt_calls(product, nullptr, nullptr, nullptr), Error);
  };
  const Gemm square{.m = 16, .n = 16, .k = 16, .transpose_b = true};
  refused({.shape = square, .dtype = Dtype::kBf16, .result = Dtype::kFp16});
  refused({.shape = {.m = 16, .n = 16, .k = 16}, .dtype = Dtype::kFp8});
  refused({.shape = {.m = 16, .n = 16, .k = 20, .transpose_b = true}, .dtype = Dtype::kFp8});
  refused({.shape = {.m = 16, .n = 16, .k = 16, .beta = 1}, .epilogue = Epilogue::kBias});
  refused({.shape = square, .dtype = Dtype::kFp8, .fp8_a = Fp8::kE5m2, .fp8_b = Fp8::kE5m2});
}

// Table 1 of Micikevicius et al. 2022: largest, smallest normal and smallest subnormal numbers.
TEST(Fp8Numbers, KnownValues) {
  EXPECT_EQ(from_fp8(Fp8::kE4m3, 0x7e), 448);
  EXPECT_EQ(from_fp8(Fp8::kE4m3, 0x08), 0x1p-6f);
  EXPECT_EQ(from_fp8(Fp8::kE4m3, 0x01), 0x1p-9f);
  EXPECT_EQ(from_fp8(Fp8::kE5m2, 0x7b), 57344);
  EXPECT_EQ(from_fp8(Fp8::kE5m2, 0x04), 0x1p-14f);
  EXPECT_EQ(from_fp8(Fp8::kE5m2, 0x01), 0x1p-16f);
  EXPECT_TRUE(std::isinf(from_fp8(Fp8::kE5m2, 0x7c)));
}

// Every number comes back; between neighbours the nearer one is taken, halfway the even one.
TEST(Fp8Numbers, RoundToNearestEvenAndSaturate) {
  for (const Fp8 kind : {Fp8::kE4m3, Fp8::kE5m2}) {
    const int last = kind == Fp8::kE4m3 ? 0x7e : 0x7b;
    for (int bits = 0; bits < last; ++bits) {
      const float low = from_fp8(kind, static_cast<std::uint8_t>(bits));
      const float high = from_fp8(kind, static_cast<std::uint8_t>(bits + 1));
      const float middle = (low + high) / 2;
      EXPECT_EQ(to_fp8(kind, low), bits);
      EXPECT_EQ(to_fp8(kind, -high), bits + 1 + 0x80);
      EXPECT_EQ(to_fp8(kind, middle), bits % 2 == 0 ? bits : bits + 1);
      EXPECT_EQ(to_fp8(kind, std::nextafter(middle, low)), bits);
      EXPECT_EQ(to_fp8(kind, std::nextafter(middle, high)), bits + 1);
    }
    EXPECT_EQ(to_fp8(kind, 1e9f), last);
    EXPECT_EQ(to_fp8(kind, -INFINITY), last + 0x80);
    EXPECT_EQ(to_fp8(kind, NAN) & 0x7f, 0x7f);
  }
}

TEST(Fp8Numbers, TheScaleMakesTheLargestElementTheLargestNumber) {
  TestDevice device;
  for (const std::int64_t n : {1, 7, 3001}) {
    auto x = random_values(n, 1);
    x[static_cast<std::size_t>(n / 2)] = -30;
    const Scaled scaled(Fp8::kE4m3, x, device);
    EXPECT_FLOAT_EQ(scaled.scale.values()[0], 30.0f / 448);
    expect_close(scaled.values, x, {.epsilon = 1.0 / 16, .elementary = 1.01, .terms = 0});
  }
  const Scaled zeros(Fp8::kE4m3, {0, 0}, device);
  EXPECT_EQ(zeros.scale.values()[0], 1);
}

}  // namespace
}  // namespace stepcast::cuda
