#include "kernels/cpu/elementwise.h"

#include <limits>

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

TEST(Cast, ToBf16RoundsToNearestEven) {
  // One ulp of bf16 at 1 is 2^-7: 1 + 2^-8 is a tie and goes to the even 1, 1 + 3 * 2^-8 to
  // 1 + 2^-6.
  const std::vector<float> x = {1.0f + 1.0f / 256,
                                1.0f + 3.0f / 256,
                                -2.5f,
                                3.4e38f,
                                NAN,
                                std::numeric_limits<float>::infinity()};
  std::vector<Bf16> narrow(6);
  std::vector<float> back(6);
  cpu::cast(6, x.data(), narrow.data());
  cpu::cast(6, narrow.data(), back.data());
  EXPECT_EQ(back[0], 1.0f);
  EXPECT_EQ(back[1], 1.0f + 1.0f / 64);
  EXPECT_EQ(back[2], -2.5f);
  EXPECT_EQ(back[3], std::numeric_limits<float>::infinity());  // beyond the largest bf16
  EXPECT_TRUE(std::isnan(back[4]));
  EXPECT_EQ(back[5], std::numeric_limits<float>::infinity());
}

/// What the bits of a binary16 mean, by their definition.
double value_of_fp16(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  if (exponent == 31) magnitude = fraction == 0 ? INFINITY : NAN;
  return bits & 0x8000 ? -magnitude : magnitude;
}

TEST(Cast, EveryFp16MeansWhatItShouldAndComesBack) {
  std::vector<Fp16> all(65536), back(65536);
  for (std::uint32_t bits = 0; bits < 65536; ++bits)
    all[bits].bits = static_cast<std::uint16_t>(bits);
  std::vector<float> wide(65536);
  cpu::cast(65536, all.data(), wide.data());
  cpu::cast(65536, wide.data(), back.data());
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const double want = value_of_fp16(static_cast<std::uint16_t>(bits));
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(wide[bits]) && std::isnan(widened(back[bits])));
    } else {
      EXPECT_EQ(wide[bits], want);
      EXPECT_EQ(back[bits], all[bits]);
    }
  }
}

// Between neighbours the nearer one, half way the even one: h is even when its last bit is 0.
TEST(Cast, ToFp16RoundsToNearestEven) {
  for (std::uint16_t h = 0; h < 0x7bff; ++h) {
    const double low = value_of_fp16(h), high = value_of_fp16(h + 1);
    const auto middle = static_cast<float>((low + high) / 2);  // exact
    Fp16 at, below, above;
    store(at, middle);
    store(below, std::nextafter(middle, 0.0f));
    store(above, std::nextafter(middle, 1e9f));
    ASSERT_EQ(at.bits, h % 2 == 0 ? h : h + 1);
    ASSERT_EQ(below.bits, h);
    ASSERT_EQ(above.bits, h + 1);
  }
  Fp16 infinite;
  store(infinite, 65520.0f);  // half way between the largest and what would follow it
  EXPECT_EQ(infinite.bits, 0x7c00);
}

TEST(Add, AccumulateScaleAndColumnSums) {
  const std::vector<float> a = {1, 2, 3, 4, 5, 6}, b = {10, 20, 30, 40, 50, 60};
  std::vector<float> y(6), sums = {100, 200};
  cpu::add(6, a.data(), b.data(), y.data());
  EXPECT_EQ(y, (std::vector<float>{11, 22, 33, 44, 55, 66}));
  cpu::accumulate(6, a.data(), y.data());
  cpu::scale(6, 2, y.data());
  EXPECT_EQ(y, (std::vector<float>{24, 48, 72, 96, 120, 144}));
  cpu::add_column_sums(3, 2, a.data(), sums.data());
  EXPECT_EQ(sums, (std::vector<float>{109, 212}));  // 1 + 3 + 5, 2 + 4 + 6
}

TEST(Copy, CutsAndTransposes) {
  const auto x = random_values(67 * 45, 1);
  std::vector<float> cut(67 * 5), turned(45 * 70, -1.0f);
  cpu::copy({.rows = 67, .cols = 5, .from_stride = 45, .to_stride = 5}, x.data() + 3, cut.data());
  cpu::transpose({.rows = 67, .cols = 45, .from_stride = 45, .to_stride = 70}, x.data(),
                 turned.data());
  for (std::size_t r = 0; r < 67; ++r) {
    for (std::size_t c = 0; c < 5; ++c) EXPECT_EQ(cut[r * 5 + c], x[r * 45 + 3 + c]);
    for (std::size_t c = 0; c < 45; ++c) EXPECT_EQ(turned[c * 70 + r], x[r * 45 + c]);
  }
  EXPECT_EQ(turned[67], -1);  // between the rows
}

}  // namespace
}  // namespace stepcast
