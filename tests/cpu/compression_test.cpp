#include "kernels/cpu/compression.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

TEST(TopK, IsWhatSortingGives) {
  for (const auto& [n, k] : {std::pair{1, 1}, {7, 0}, {33, 33}, {1000, 10}, {1029, 129}}) {
    auto x = random_values(n, 1);
    for (float& value : x) value = std::round(value * 4);  // many equal ones
    std::vector<std::int32_t> want(n), got(k);
    for (int i = 0; i < n; ++i) want[i] = i;
    std::stable_sort(want.begin(), want.end(), [&](std::int32_t a, std::int32_t b) {
      return std::abs(x[a]) > std::abs(x[b]);
    });
    want.resize(k);
    std::sort(want.begin(), want.end());
    std::vector<float> values(k);
    cpu::top_k(n, k, x.data(), got.data(), values.data());
    EXPECT_EQ(got, want);
    for (int i = 0; i < k; ++i) EXPECT_EQ(values[i], x[got[i]]);
  }
}

// Keys that differ in their first, middle and last digits, of either sign, and an infinity.
TEST(TopK, TellsNumbersOfAllSizesApart) {
  const float inf = std::numeric_limits<float>::infinity(), one = 1 + 0x1p-23f;
  const std::vector<float> x = {1, -one, 1.001f, 0, -0.0f, 1e-30f, -1e30f, inf, 1, -3e-42f};
  for (const auto& [k, want] : {std::pair{1, std::vector{7}},
                                {2, {6, 7}},
                                {4, {1, 2, 6, 7}},
                                {5, {0, 1, 2, 6, 7}},
                                {8, {0, 1, 2, 5, 6, 7, 8, 9}},
                                {9, {0, 1, 2, 3, 5, 6, 7, 8, 9}}}) {
    std::vector<std::int32_t> got(k);
    std::vector<float> values(k);
    cpu::top_k(10, k, x.data(), got.data(), values.data());
    EXPECT_EQ(got, want) << k;
  }
}

TEST(AddSparse, PutsValuesBack) {
  const std::vector<std::int32_t> indices = {0, 3};
  const std::vector<float> values = {5, -2};
  std::vector<float> x = {1, 1, 1, 1};
  cpu::add_sparse(2, indices.data(), values.data(), x.data());
  EXPECT_EQ(x, (std::vector<float>{6, 1, 1, -1}));
}

TEST(Quantize, NoElementIsOffByMoreThanHalfAScale) {
  for (const std::int64_t n : {1, 7, 256, 1029}) {
    const QuantizeShape shape{.n = n, .block = 100};
    const auto x = random_values(n, 1);
    std::vector<std::int8_t> q(n);
    std::vector<float> scales(shape.blocks()), back(n);
    cpu::quantize(shape, x.data(), q.data(), scales.data());
    cpu::dequantize(shape, q.data(), scales.data(), back.data());
    for (std::int64_t i = 0; i < n; ++i)
      EXPECT_LE(std::abs(back[i] - x[i]), scales[i / 100] * 0.50001f) << i;
  }
}

// Largest 127: the scale is 1. Ties go to even; the second block is all zeros.
TEST(Quantize, RoundsToNearestEven) {
  const std::vector<float> x = {127, 0.5f, 1.5f, -2.5f, 0, 0, 0, 0};
  std::vector<std::int8_t> q(8);
  std::vector<float> scales(2);
  cpu::quantize({.n = 8, .block = 4}, x.data(), q.data(), scales.data());
  EXPECT_EQ(q, (std::vector<std::int8_t>{127, 0, 2, -2, 0, 0, 0, 0}));
  EXPECT_EQ(scales, (std::vector<float>{1, 0}));
}

}  // namespace
}  // namespace stepcast
