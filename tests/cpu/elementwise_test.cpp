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
