#include "kernels/reference/rotary.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

RotaryShape shape_of(RotaryPairs pairs) {
  return {.sequences = 3,
          .tokens = 33,
          .heads = 2,
          .head_dim = 10,
          .stride = 37,  // other things lie between the rows
          .first_position = 7,
          .pairs = pairs};
}

TEST(Rotary, AgreesWithTheReferenceBothWays) {
  const RotaryTable table(40, 10);
  for (const RotaryPairs pairs : {RotaryPairs::kHalves, RotaryPairs::kInterleaved})
    for (const bool inverse : {false, true}) {
      const RotaryShape shape = shape_of(pairs);
      const auto x = random_values(99 * 37, 1);
      std::vector<float> got = x, want = x;
      cpu::rotary(shape, table, inverse, x.data(), got.data());
      reference::rotary(shape, 10000, inverse, x.data(), want.data());
      expect_close(got, want, {});
    }
}

TEST(Rotary, TheInverseUndoesItInPlace) {
  const RotaryTable table(40, 10);
  const auto x = random_values(99 * 37, 1);
  std::vector<float> turned = x;
  cpu::rotary(shape_of(RotaryPairs::kHalves), table, false, turned.data(), turned.data());
  EXPECT_NE(turned, x);
  cpu::rotary(shape_of(RotaryPairs::kHalves), table, true, turned.data(), turned.data());
  expect_close(turned, x, {});
}

// Position 1, pair 0 turns by 1 radian whatever the base: (1, 0) becomes (cos 1, sin 1).
TEST(Rotary, FirstPairTurnsByItsPosition) {
  const RotaryTable table(2, 2);
  std::vector<float> x = {1, 0, 1, 0};
  cpu::rotary({.sequences = 1, .tokens = 2, .heads = 1, .head_dim = 2, .stride = 2}, table, false,
              x.data(), x.data());
  EXPECT_EQ(x[0], 1);
  EXPECT_EQ(x[1], 0);
  EXPECT_NEAR(x[2], std::cos(1.0), 1e-7);
  EXPECT_NEAR(x[3], std::sin(1.0), 1e-7);
}

}  // namespace
}  // namespace stepcast
