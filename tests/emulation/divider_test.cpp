#include "kernels/ops/divider.h"

#include <gtest/gtest.h>

#include <random>

namespace stepcast::cuda {
namespace {

constexpr std::int64_t kMost = 0x7fffffff;

void expect_quotients(std::int64_t divisor) {
  const Divider divide(divisor);
  const auto expect = [&](std::int64_t n) {
    if (n < 0 || n > kMost) return;
    ASSERT_EQ(divide(static_cast<int>(n)), n / divisor) << n << " / " << divisor;
  };
  // Where the quotient changes is where a wrong multiplier shows.
  const std::int64_t most = kMost / divisor;
  for (const std::int64_t quotient : {std::int64_t{0}, std::int64_t{1}, most / 2, most - 1, most})
    for (const std::int64_t n : {-1, 0, 1}) expect(quotient * divisor + n);
  expect(kMost);
  std::minstd_rand random(1);
  for (int i = 0; i < 100; ++i) expect(static_cast<std::int64_t>(random()) & kMost);
}

TEST(Divider, IsIntegerDivisionUpTo31Bits) {
  for (std::int64_t divisor = 1; divisor < 5000; ++divisor) expect_quotients(divisor);
  for (int bit = 12; bit < 31; ++bit)
    for (const std::int64_t more : {-1, 0, 1}) expect_quotients((std::int64_t{1} << bit) + more);
  expect_quotients(kMost);
}

}  // namespace
}  // namespace stepcast::cuda
