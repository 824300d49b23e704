#include "sim/base/quantity_text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <limits>

namespace stepcast {
namespace {

/// The number, or NaN and a test failure with the reason.
template <typename Q>
double parsed(std::string_view text) {
  std::string why;
  const std::optional<Q> quantity = parse_quantity<Q>(text, why);
  if (!quantity) ADD_FAILURE() << text << " " << why;
  return quantity ? static_cast<double>(quantity->value())
                  : std::numeric_limits<double>::quiet_NaN();
}

/// Why the text is refused; empty and a test failure when it is not.
template <typename Q>
std::string refusal(std::string_view text) {
  std::string why;
  if (parse_quantity<Q>(text, why)) ADD_FAILURE() << text << " was accepted";
  return why;
}

TEST(ParseQuantity, DecimalAndBinaryBytes) {
  EXPECT_EQ(parsed<Bytes>("0 B"), 0);
  EXPECT_EQ(parsed<Bytes>("3 kB"), 3000);
  EXPECT_EQ(parsed<Bytes>("80 GB"), 80e9);
  EXPECT_EQ(parsed<Bytes>("80 GiB"), 85899345920.0);  // 80 * 2^30
  EXPECT_EQ(parsed<Bytes>("1.5 KiB"), 1536);
  EXPECT_EQ(parsed<Bytes>("2 TiB"), 2199023255552.0);
  EXPECT_EQ(parsed<Bytes>("0.1 TB"), 1e11);
  EXPECT_EQ(parsed<Bytes>("80GiB"), 85899345920.0) << "the space is optional";
}

TEST(ParseQuantity, BytesInDigitsAreExact) {
  std::string why;
  // 2^53 + 1 is no double.
  EXPECT_EQ(parse_quantity<Bytes>("9007199254740993 B", why), Bytes(9007199254740993));
  EXPECT_EQ(parse_quantity<Bytes>("9223372036854775807 B", why), Bytes(9223372036854775807));
}

TEST(ParseQuantity, BitsPerSecondAreAnEighthOfBytes) {
  EXPECT_EQ(parsed<BytesPerSec>("400 Gb/s"), 50e9);
  EXPECT_EQ(parsed<BytesPerSec>("900 GB/s"), 900e9);
  EXPECT_EQ(parsed<BytesPerSec>("1 b/s"), 0.125);
  EXPECT_EQ(parsed<BytesPerSec>("3.35 TB/s"), 3.35e12);
  EXPECT_EQ(parsed<BytesPerSec>("1 GiB/s"), 1073741824.0);
}

TEST(ParseQuantity, SmallTimesAreTheNearestDouble) {
  EXPECT_EQ(parsed<Seconds>("5 ns"), 5e-9);
  EXPECT_EQ(parsed<Seconds>("1.5 us"), 1.5e-6);
  EXPECT_EQ(parsed<Seconds>("0.3 ms"), 0.3e-3);
  EXPECT_EQ(parsed<Seconds>("2 s"), 2);
  EXPECT_EQ(parsed<Seconds>("2e-6 s"), 2e-6);
}

TEST(ParseQuantity, ComputePowerEnergyAndMoney) {
  EXPECT_EQ(parsed<FlopsPerSec>("312 TFLOP/s"), 312e12);
  EXPECT_EQ(parsed<FlopsPerSec>("1.2 EFLOP/s"), 1.2e18);
  EXPECT_EQ(parsed<Flops>("5 kFLOP"), 5000);
  EXPECT_EQ(parsed<Watts>("700 W"), 700);
  EXPECT_EQ(parsed<Watts>("10.2 kW"), 10200);
  EXPECT_EQ(parsed<Joules>("2 kWh"), 7.2e6);
  EXPECT_EQ(parsed<Dollars>("25 USD"), 25);
  EXPECT_EQ(parsed<DollarsPerHour>("2.5 USD/h"), 2.5);
  EXPECT_EQ(parsed<DollarsPerJoule>("0.36 USD/kWh"), 0.36 / 3.6e6);
}

TEST(ParseQuantity, AmbiguousBandwidthNamesBothSpellings) {
  EXPECT_EQ(refusal<BytesPerSec>("400 Gbps"), "has the unit \"Gbps\"; write Gb/s or GB/s");
  EXPECT_EQ(refusal<BytesPerSec>("400 GBps"), "has the unit \"GBps\"; write Gb/s or GB/s");
  EXPECT_EQ(refusal<BytesPerSec>("400 gb/s"), "has the unit \"gb/s\"; write Gb/s or GB/s");
}

TEST(ParseQuantity, UsualSlipsAreCorrected) {
  EXPECT_EQ(refusal<FlopsPerSec>("312 TFLOPS"), "has the unit \"TFLOPS\"; write TFLOP/s");
  EXPECT_EQ(refusal<Bytes>("3 KB"), "has the unit \"KB\"; write kB");
  EXPECT_EQ(refusal<Bytes>("3 gib"), "has the unit \"gib\"; write GiB");
}

TEST(ParseQuantity, WrongDimensionNamesTheRightUnits) {
  EXPECT_EQ(refusal<Watts>("80 GiB"),
            "has the unit \"GiB\", which does not fit; known: W, kW, MW, GW");
  EXPECT_EQ(refusal<Dollars>("3 EUR"), "has the unit \"EUR\", which does not fit; known: USD");
  EXPECT_EQ(refusal<Watts>("700"), "has no unit; known: W, kW, MW, GW");
}

TEST(ParseQuantity, MalformedNumbersAreRefused) {
  for (const char* text :
       {"", " ", "GiB", "+5 GiB", " 5 GiB", "-", ".", "- 5 GiB", "inf GiB", "nan GiB", "-inf GiB",
        "0x10 GiB", "1,000 GiB", "5 GiB ", "5\tGiB", "5 Gi B", "1e GiB", "--5 GiB", "5e400 GiB"})
    EXPECT_FALSE(refusal<Bytes>(text).empty()) << text;
}

TEST(ParseQuantity, NegativeTinyAndHugeValuesAreRefused) {
  EXPECT_EQ(refusal<Seconds>("-5 s"), "must not be negative");
  EXPECT_EQ(refusal<Bytes>("-5 B"), "must not be negative");
  EXPECT_EQ(refusal<Bytes>("0.2 B"), "is less than a byte");
  EXPECT_EQ(refusal<Bytes>("9223372036854775808 B"), "is too large; sizes end at 8 EiB");
  EXPECT_EQ(refusal<Bytes>("1e30 TB"), "is too large; sizes end at 8 EiB");
  EXPECT_EQ(refusal<Seconds>("1e999 s"), "is beyond the range of numbers");
  EXPECT_EQ(refusal<FlopsPerSec>("1e300 PFLOP/s"), "is beyond the range of numbers");
  EXPECT_EQ(refusal<Seconds>("1e-400 s"), "is beyond the range of numbers");
  EXPECT_EQ(refusal<Seconds>("1e-320 ns"), "is beyond the range of numbers");
}

TEST(ParseQuantity, TenThousandDigitsNeitherCrashNorOverflow) {
  EXPECT_FALSE(refusal<Bytes>(std::string(10'000, '9') + " B").empty());
  EXPECT_EQ(parsed<Seconds>("0." + std::string(10'000, '3') + " s"), 1.0 / 3);
}

TEST(ToText, ThreeDigitsAndTheBestPrefix) {
  EXPECT_EQ(to_text(Seconds(1.4321)), "1.43 s");
  EXPECT_EQ(to_text(Seconds(0.0123)), "12.3 ms");
  EXPECT_EQ(to_text(Seconds(1.5e-6)), "1.50 us");
  EXPECT_EQ(to_text(Seconds(7e-10)), "0.7 ns");
  EXPECT_EQ(to_text(Seconds(0)), "0 s");
  EXPECT_EQ(to_text(Seconds(3 * 86400)), "3.00 d");
  EXPECT_EQ(to_text(BytesPerSec(450e9)), "450 GB/s");
  EXPECT_EQ(to_text(FlopsPerSec(989.4e12)), "989 TFLOP/s");
  EXPECT_EQ(to_text(Flops(4.5e18)), "4.50 EFLOP");
  EXPECT_EQ(to_text(Watts(10200)), "10.2 kW");
  EXPECT_EQ(to_text(Joules(3.6e6)), "1.00 kWh");
  EXPECT_EQ(to_text(Dollars(12.3)), "12.3 USD");
  EXPECT_EQ(to_text(Dollars(1234567)), "1,234,567 USD");
  EXPECT_EQ(to_text(Dollars(-1234.5)), "-1,234 USD");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000.4), "1,000");
}

TEST(ToText, SizesAreBinary) {
  EXPECT_EQ(to_text(Bytes(0)), "0 B");
  EXPECT_EQ(to_text(Bytes(1023)), "1023 B");
  EXPECT_EQ(to_text(Bytes(1024)), "1.00 KiB");
  EXPECT_EQ(to_text(Bytes(65'713'210'000)), "61.2 GiB");  // 65713210000 / 2^30 = 61.2002
  EXPECT_EQ(to_text(Bytes(-2048)), "-2.00 KiB");
}

TEST(ToText, RoundingNeverShowsAFullPrefix) {
  EXPECT_EQ(to_text(BytesPerSec(999.6e6)), "1.00 GB/s");
  EXPECT_EQ(to_text(Seconds(0.99996)), "1.00 s");
  EXPECT_EQ(to_text(Bytes((std::int64_t{1} << 30) - 1)), "1.00 GiB");
  EXPECT_EQ(to_text(Seconds(9.996e-3)), "10.0 ms");
}

TEST(NumberText, IsShortAndRounded) {
  EXPECT_EQ(number_text(0.1 + 0.2), "0.3");
  EXPECT_EQ(number_text(1e6), "1000000");
  EXPECT_EQ(number_text(-0.0), "0");
  EXPECT_EQ(number_text(1.0 / 3), "0.333333333333");
  EXPECT_EQ(number_text(2.0 / 3, 3), "0.667");
  EXPECT_EQ(number_text(1.5e20), "1.5e+20");
  EXPECT_EQ(number_text(5e-324, 1), "5e-324");
}

TEST(NumberText, IgnoresTheLocale) {
  const char* comma = std::setlocale(LC_ALL, "de_DE.UTF-8");  // may be missing; then "C" stays
  EXPECT_EQ(number_text(1234.5), "1234.5");
  EXPECT_EQ(parsed<Seconds>("1.5 s"), 1.5);
  if (comma != nullptr) std::setlocale(LC_ALL, "C");
}

}  // namespace
}  // namespace stepcast
