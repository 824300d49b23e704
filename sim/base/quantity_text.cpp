// Quantities for people: three significant digits and the prefix that makes them short.
#include "sim/base/quantity_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>

#include "sim/base/printed.h"

namespace stepcast {
namespace {

struct Step {
  double size;  ///< of one unit, in the SI unit
  std::string_view unit;
};

/// Three significant digits, without exponent; whole from 100 on.
std::string three_digits(double value) {
  const double size = std::abs(value);
  const int decimals = size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
  char buffer[400];  // the largest double has 309 digits
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, decimals).ptr;
  return std::string(buffer, end);
}

/// Uses the last step (smallest first) that the value reaches after rounding, else the first.
/// `full` is where a step hands over to the next: 999.5 rounds to 1000.
std::string with_prefix(double value, std::span<const Step> steps, double full = 999.5) {
  if (value == 0) return "0 " + std::string(steps[0].unit);
  std::size_t at = 0;
  while (at + 1 < steps.size() && std::abs(value) / steps[at].size >= full) ++at;
  const double scaled = value / steps[at].size;
  const bool tiny = std::abs(scaled) < 0.995;  // below the smallest unit
  return (tiny ? number_text(scaled, 3) : three_digits(scaled)) + " " + std::string(steps[at].unit);
}

constexpr Step kByteSteps[] = {{0x1p0, "B"},    {0x1p10, "KiB"}, {0x1p20, "MiB"}, {0x1p30, "GiB"},
                               {0x1p40, "TiB"}, {0x1p50, "PiB"}, {0x1p60, "EiB"}};
constexpr Step kSecondSteps[] = {{1e-9, "ns"}, {1e-6, "us"}, {1e-3, "ms"}, {1, "s"}};
constexpr Step kByteRateSteps[] = {{1, "B/s"},    {1e3, "kB/s"},  {1e6, "MB/s"},
                                   {1e9, "GB/s"}, {1e12, "TB/s"}, {1e15, "PB/s"}};
constexpr Step kFlopSteps[] = {{1, "FLOP"},     {1e3, "kFLOP"},  {1e6, "MFLOP"},  {1e9, "GFLOP"},
                               {1e12, "TFLOP"}, {1e15, "PFLOP"}, {1e18, "EFLOP"}, {1e21, "ZFLOP"}};
constexpr Step kFlopRateSteps[] = {{1, "FLOP/s"},    {1e3, "kFLOP/s"},  {1e6, "MFLOP/s"},
                                   {1e9, "GFLOP/s"}, {1e12, "TFLOP/s"}, {1e15, "PFLOP/s"},
                                   {1e18, "EFLOP/s"}};
constexpr Step kWattSteps[] = {{1, "W"}, {1e3, "kW"}, {1e6, "MW"}, {1e9, "GW"}};
constexpr Step kJouleSteps[] = {
    {1, "J"}, {1e3, "kJ"}, {3.6e6, "kWh"}, {3.6e9, "MWh"}, {3.6e12, "GWh"}};

}  // namespace

std::string to_text(Bytes size) {
  const auto bytes = static_cast<double>(size.value());
  if (std::abs(bytes) < 1024) return std::to_string(size.value()) + " B";
  return with_prefix(bytes, kByteSteps, 1023.5);
}

std::string to_text(Seconds time) {
  const double seconds = time.value();
  if (seconds == 0) return "0 s";
  if (std::abs(seconds) >= 172800) return three_digits(seconds / 86400) + " d";
  if (std::abs(seconds) >= 7200) return three_digits(seconds / 3600) + " h";
  if (std::abs(seconds) >= 600) return three_digits(seconds / 60) + " min";
  return with_prefix(seconds, kSecondSteps);
}

std::string to_text(BytesPerSec rate) { return with_prefix(rate.value(), kByteRateSteps); }
std::string to_text(FlopsPerSec rate) { return with_prefix(rate.value(), kFlopRateSteps); }
std::string to_text(Flops work) { return with_prefix(work.value(), kFlopSteps); }
std::string to_text(Watts power) { return with_prefix(power.value(), kWattSteps); }

std::string to_text(Joules energy) {
  // kWh from a tenth of one on: 3.6 MJ is what a bill speaks of, 360 kJ is not.
  const double joules = energy.value();
  if (std::abs(joules) < 3.6e5) return with_prefix(joules, std::span(kJouleSteps).first(2));
  if (std::abs(joules) < 3.6e6) return three_digits(joules / 3.6e6) + " kWh";
  return with_prefix(joules, std::span(kJouleSteps).subspan(2));
}

std::string to_text(Dollars money) {
  const double dollars = money.value();
  if (dollars != 0 && std::abs(dollars) < 0.995) return number_text(dollars, 3) + " USD";
  if (std::abs(dollars) < 999.5) return three_digits(dollars) + " USD";
  return with_thousands(dollars) + " USD";
}

std::string with_thousands(double value) {
  std::string digits = printed("%.0f", std::abs(value));
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return (std::round(value) < 0 ? "-" : "") + digits;
}

std::string number_text(double value, int digits) {
  if (value == 0) return "0";  // never "-0"
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general,
                                 std::clamp(digits, 1, 17))
                       .ptr;
  return std::string(buffer, end);
}

}  // namespace stepcast
