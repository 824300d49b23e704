#include "sim/base/quantity.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

template <typename A, typename B>
concept Addable = requires(A a, B b) {
  a + b;
};
template <typename A, typename B>
concept Dividable = requires(A a, B b) {
  a / b;
};

TEST(Quantity, OnlyMeaningfulArithmeticCompiles) {
  static_assert(Addable<Bytes, Bytes>);
  static_assert(!Addable<Bytes, Flops>);
  static_assert(!Addable<Seconds, double>);
  static_assert(!Dividable<Seconds, Bytes>);
  static_assert(std::is_same_v<decltype(Bytes() / BytesPerSec()), Seconds>);
  static_assert(std::is_same_v<decltype(Flops() / Flops()), double>);
}

TEST(Quantity, SizesRatesAndTimesConvertIntoEachOther) {
  EXPECT_EQ(Bytes(900) / BytesPerSec(300), Seconds(3));
  EXPECT_EQ(Bytes(900) / Seconds(3), BytesPerSec(300));
  EXPECT_EQ(Flops(10) / FlopsPerSec(4), Seconds(2.5));
  EXPECT_EQ(Watts(700) * Seconds(2), Joules(1400));
  EXPECT_EQ(Bytes(3) / Bytes(2), 1.5);
}

TEST(Quantity, PricesAreByTheHourAndByTheJoule) {
  EXPECT_DOUBLE_EQ((DollarsPerHour(2.5) * Seconds(7200)).value(), 5.0);
  // 0.1 USD/kWh = 0.1 / 3.6e6 USD/J; 7.2 MJ = 2 kWh cost 0.2 USD.
  EXPECT_DOUBLE_EQ((DollarsPerJoule(0.1 / 3.6e6) * Joules(7.2e6)).value(), 0.2);
}

TEST(Quantity, BytesAreExactBeyondTwoToThe53) {
  EXPECT_EQ((Bytes(9007199254740993) + Bytes(2)).value(), 9007199254740995);
}

}  // namespace
}  // namespace stepcast
