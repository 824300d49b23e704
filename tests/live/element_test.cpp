// Sums and maxima of every element type, and the rounding of halves against fp32's own arithmetic.
#include "kernels/live/element.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "kernels/cpu/element.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

float from_fp16(std::uint16_t bits) { return widened(Fp16{bits}); }
std::uint16_t to_fp16(float value) {
  Fp16 rounded;
  store(rounded, value);
  return rounded.bits;
}

template <typename T>
std::vector<T> combined(Element element, ReduceOp reduce, std::vector<T> a,
                        const std::vector<T>& b) {
  const auto bytes = std::as_writable_bytes(std::span(a));
  combine(element, reduce, bytes.data(), std::as_bytes(std::span(b)).data(), bytes.data(),
          a.size());
  return a;
}

TEST(Combine, AddsAndTakesTheLarger) {
  EXPECT_EQ(combined<float>(Element::kFp32, ReduceOp::kSum, {1, 2}, {3, -5}),
            (std::vector<float>{4, -3}));
  EXPECT_EQ(combined<float>(Element::kFp32, ReduceOp::kMax, {1, 2}, {3, -5}),
            (std::vector<float>{3, 2}));
  EXPECT_EQ(combined<double>(Element::kFp64, ReduceOp::kSum, {0x1p-40}, {1}),
            (std::vector<double>{1 + 0x1p-40}));
  EXPECT_EQ(combined<std::int64_t>(Element::kInt64, ReduceOp::kSum, {1LL << 40}, {1}),
            (std::vector<std::int64_t>{(1LL << 40) + 1}));
  EXPECT_EQ(combined<std::int32_t>(Element::kInt32, ReduceOp::kMax, {-7}, {-9}),
            (std::vector<std::int32_t>{-7}));
}

TEST(Combine, HalvesAreAddedWithOneRounding) {
  // bf16 has 8 bits of mantissa: 256 + 1 lies between 256 and 258 and goes to the even one, 256;
  // 258 + 1 goes to 260. fp16 has 11: the same at 2048.
  const auto bf16 = [](float a, float b) {
    Bf16 x, y;
    store(x, a);
    store(y, b);
    return widened(combined<Bf16>(Element::kBf16, ReduceOp::kSum, {x}, {y})[0]);
  };
  const auto fp16 = [](float a, float b) {
    return from_fp16(
        combined<std::uint16_t>(Element::kFp16, ReduceOp::kSum, {to_fp16(a)}, {to_fp16(b)})[0]);
  };
  EXPECT_EQ(bf16(256, 1), 256);
  EXPECT_EQ(bf16(258, 1), 260);
  EXPECT_EQ(fp16(2048, 1), 2048);
  EXPECT_EQ(fp16(2050, 1), 2052);
}

TEST(Combine, RefusesToAddBytes) {
  std::byte byte{1};
  EXPECT_THROW(combine(Element::kByte, ReduceOp::kSum, &byte, &byte, &byte, 1), Error);
}

TEST(Fp16, EveryNumberSurvivesTheWayThroughFp32) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = from_fp16(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(from_fp16(to_fp16(value))));
    } else {
      ASSERT_EQ(to_fp16(value), half) << value;
    }
  }
}

TEST(Fp16, RoundsToTheNearestOfTwoNeighbours) {
  // Between all pairs of finite positive neighbours: below, at and above the middle.
  for (std::uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits), high = static_cast<std::uint16_t>(bits + 1);
    const float middle = (from_fp16(low) + from_fp16(high)) / 2;
    ASSERT_EQ(to_fp16(middle), bits % 2 == 0 ? low : high);
    ASSERT_EQ(to_fp16(std::nextafter(middle, 0.0f)), low);
    ASSERT_EQ(to_fp16(std::nextafter(middle, std::numeric_limits<float>::infinity())), high);
  }
  EXPECT_EQ(to_fp16(65519.0f), 0x7bff);  // the largest number, 65504
  EXPECT_EQ(to_fp16(65520.0f), 0x7c00);  // the middle between it and 2^16: infinity
}

}  // namespace
}  // namespace stepcast
