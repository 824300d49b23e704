// "400 Gb/s" -> BytesPerSec. One table of units, written out so that a unit can be searched for.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

enum class Dimension : std::uint8_t {
  kSize,
  kTime,
  kByteRate,
  kWork,
  kWorkRate,
  kPower,
  kEnergy,
  kMoney,
  kPrice,
  kEnergyPrice,
};

/// value in SI = number * times / over. Two exact factors, so that "5 ns" is the double nearest to
/// 5e-9, which 5 * 1e-9 is not.
struct Unit {
  std::string_view name;
  Dimension dimension;
  double times = 1;
  double over = 1;
};

using enum Dimension;
constexpr Unit kUnits[] = {
    {"B", kSize},
    {"kB", kSize, 1e3},
    {"MB", kSize, 1e6},
    {"GB", kSize, 1e9},
    {"TB", kSize, 1e12},
    {"KiB", kSize, 0x1p10},
    {"MiB", kSize, 0x1p20},
    {"GiB", kSize, 0x1p30},
    {"TiB", kSize, 0x1p40},
    {"ns", kTime, 1, 1e9},
    {"us", kTime, 1, 1e6},
    {"ms", kTime, 1, 1e3},
    {"s", kTime},
    {"min", kTime, 60},
    {"h", kTime, 3600},
    {"d", kTime, 86400},
    {"b/s", kByteRate, 1, 8},
    {"kb/s", kByteRate, 1e3, 8},
    {"Mb/s", kByteRate, 1e6, 8},
    {"Gb/s", kByteRate, 1e9, 8},
    {"Tb/s", kByteRate, 1e12, 8},
    {"B/s", kByteRate},
    {"kB/s", kByteRate, 1e3},
    {"MB/s", kByteRate, 1e6},
    {"GB/s", kByteRate, 1e9},
    {"TB/s", kByteRate, 1e12},
    {"PB/s", kByteRate, 1e15},
    {"KiB/s", kByteRate, 0x1p10},
    {"MiB/s", kByteRate, 0x1p20},
    {"GiB/s", kByteRate, 0x1p30},
    {"TiB/s", kByteRate, 0x1p40},
    {"FLOP", kWork},
    {"kFLOP", kWork, 1e3},
    {"MFLOP", kWork, 1e6},
    {"GFLOP", kWork, 1e9},
    {"TFLOP", kWork, 1e12},
    {"PFLOP", kWork, 1e15},
    {"EFLOP", kWork, 1e18},
    {"ZFLOP", kWork, 1e21},
    {"FLOP/s", kWorkRate},
    {"kFLOP/s", kWorkRate, 1e3},
    {"MFLOP/s", kWorkRate, 1e6},
    {"GFLOP/s", kWorkRate, 1e9},
    {"TFLOP/s", kWorkRate, 1e12},
    {"PFLOP/s", kWorkRate, 1e15},
    {"EFLOP/s", kWorkRate, 1e18},
    {"W", kPower},
    {"kW", kPower, 1e3},
    {"MW", kPower, 1e6},
    {"GW", kPower, 1e9},
    {"J", kEnergy},
    {"kJ", kEnergy, 1e3},
    {"MJ", kEnergy, 1e6},
    {"GJ", kEnergy, 1e9},
    {"Wh", kEnergy, 3.6e3},
    {"kWh", kEnergy, 3.6e6},
    {"MWh", kEnergy, 3.6e9},
    {"GWh", kEnergy, 3.6e12},
    {"USD", kMoney},
    {"USD/h", kPrice},
    {"USD/J", kEnergyPrice},
    {"USD/kWh", kEnergyPrice, 1, 3.6e6},
    {"USD/MWh", kEnergyPrice, 1, 3.6e9},
};

template <typename Q>
struct Traits;
template <>
struct Traits<Bytes> {
  static constexpr Dimension kDimension = kSize;
  static constexpr std::string_view kExample = "a size such as \"80 GiB\"";
};
template <>
struct Traits<Seconds> {
  static constexpr Dimension kDimension = kTime;
  static constexpr std::string_view kExample = "a time such as \"1.5 us\"";
};
template <>
struct Traits<BytesPerSec> {
  static constexpr Dimension kDimension = kByteRate;
  static constexpr std::string_view kExample = "a bandwidth such as \"900 GB/s\" or \"400 Gb/s\"";
};
template <>
struct Traits<Flops> {
  static constexpr Dimension kDimension = kWork;
  static constexpr std::string_view kExample = "an amount of work such as \"5 TFLOP\"";
};
template <>
struct Traits<FlopsPerSec> {
  static constexpr Dimension kDimension = kWorkRate;
  static constexpr std::string_view kExample = "a compute rate such as \"312 TFLOP/s\"";
};
template <>
struct Traits<Watts> {
  static constexpr Dimension kDimension = kPower;
  static constexpr std::string_view kExample = "a power such as \"700 W\"";
};
template <>
struct Traits<Joules> {
  static constexpr Dimension kDimension = kEnergy;
  static constexpr std::string_view kExample = "an energy such as \"2 kWh\"";
};
template <>
struct Traits<Dollars> {
  static constexpr Dimension kDimension = kMoney;
  static constexpr std::string_view kExample = "an amount of money such as \"25 USD\"";
};
template <>
struct Traits<DollarsPerHour> {
  static constexpr Dimension kDimension = kPrice;
  static constexpr std::string_view kExample = "a price per hour such as \"2.5 USD/h\"";
};
template <>
struct Traits<DollarsPerJoule> {
  static constexpr Dimension kDimension = kEnergyPrice;
  static constexpr std::string_view kExample = "a price of energy such as \"0.10 USD/kWh\"";
};

/// Spellings that people mix up fall together: Gbps, GBps, gb/s and Gb/s are all "gbs".
std::string folded(std::string_view unit) {
  std::string result;
  for (const char c : unit)
    if (c != '/') result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (result.size() > 2 && result.ends_with("ps")) result.erase(result.size() - 2, 1);
  return result;
}

/// " or "-joined names of the units of `dimension` that `unit` may have been meant to be.
std::string likely_units(std::string_view unit, Dimension dimension) {
  std::string names;
  for (const Unit& row : kUnits)
    if (row.dimension == dimension && folded(row.name) == folded(unit))
      names += (names.empty() ? "" : " or ") + std::string(row.name);
  return names;
}

std::string units_of(Dimension dimension) {
  std::string names;
  for (const Unit& row : kUnits)
    if (row.dimension == dimension) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

/// The right unit, or nothing and the reason.
const Unit* find_unit(std::string_view unit, Dimension dimension, std::string& why) {
  for (const Unit& row : kUnits)
    if (row.name == unit && row.dimension == dimension) return &row;
  const std::string shown(unit.substr(0, 20));
  const std::string likely = likely_units(unit, dimension);
  if (unit.empty())
    why = "has no unit; known: " + units_of(dimension);
  else if (!likely.empty())
    why = "has the unit \"" + shown + "\"; write " + likely;
  else
    why = "has the unit \"" + shown + "\", which does not fit; known: " + units_of(dimension);
  return nullptr;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Digits alone, times a whole unit: exact, however large. Nothing when it is not that simple.
std::optional<std::int64_t> exact_bytes(std::string_view number, const Unit& unit) {
  std::int64_t count = 0;
  const char* end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, count);
  std::int64_t bytes = 0;
  if (error != std::errc() || stop != end) return std::nullopt;
  if (__builtin_mul_overflow(count, static_cast<std::int64_t>(unit.times), &bytes))
    return std::nullopt;
  return bytes;
}

std::optional<std::int64_t> whole_bytes(std::string_view number, double value, const Unit& unit,
                                        std::string& why) {
  if (const auto exact = exact_bytes(number, unit)) return exact;
  const double bytes = std::round(value);
  if (bytes >= 0x1p63) {
    why = "is too large; sizes end at 8 EiB";
    return std::nullopt;
  }
  if (bytes == 0 && value > 0) {
    why = "is less than a byte";
    return std::nullopt;
  }
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

template <typename Q>
std::optional<Q> parse_quantity(std::string_view text, std::string& why) {
  const std::string_view unsigned_text = text.substr(text.starts_with('-') ? 1 : 0);
  if (unsigned_text.empty() || !(is_digit(unsigned_text[0]) || unsigned_text[0] == '.')) {
    why = "must be a number and its unit, " + std::string(Traits<Q>::kExample);
    return std::nullopt;
  }
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::invalid_argument) {
    why = "must be a number and its unit, " + std::string(Traits<Q>::kExample);
    return std::nullopt;
  }
  const auto length = static_cast<std::size_t>(stop - text.data());
  const std::string_view digits = text.substr(0, length);
  std::string_view name = text.substr(length);
  name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
  const Unit* unit = find_unit(name, Traits<Q>::kDimension, why);
  if (unit == nullptr) return std::nullopt;
  const double value = number * unit->times / unit->over;
  if (error != std::errc() || !std::isfinite(value) || (number != 0 && value == 0)) {
    why = "is beyond the range of numbers";
    return std::nullopt;
  }
  if (value < 0) {
    why = "must not be negative";
    return std::nullopt;
  }
  if constexpr (std::is_same_v<Q, Bytes>) {
    const std::optional<std::int64_t> bytes = whole_bytes(digits, value, *unit, why);
    return bytes ? std::optional(Bytes(*bytes)) : std::nullopt;
  } else {
    return Q(value);
  }
}

template <typename Q>
std::string_view quantity_example() {
  return Traits<Q>::kExample;
}

template std::optional<Bytes> parse_quantity(std::string_view, std::string&);
template std::optional<Flops> parse_quantity(std::string_view, std::string&);
template std::optional<Seconds> parse_quantity(std::string_view, std::string&);
template std::optional<BytesPerSec> parse_quantity(std::string_view, std::string&);
template std::optional<FlopsPerSec> parse_quantity(std::string_view, std::string&);
template std::optional<Watts> parse_quantity(std::string_view, std::string&);
template std::optional<Joules> parse_quantity(std::string_view, std::string&);
template std::optional<Dollars> parse_quantity(std::string_view, std::string&);
template std::optional<DollarsPerHour> parse_quantity(std::string_view, std::string&);
template std::optional<DollarsPerJoule> parse_quantity(std::string_view, std::string&);
template std::string_view quantity_example<Bytes>();
template std::string_view quantity_example<Flops>();
template std::string_view quantity_example<Seconds>();
template std::string_view quantity_example<BytesPerSec>();
template std::string_view quantity_example<FlopsPerSec>();
template std::string_view quantity_example<Watts>();
template std::string_view quantity_example<Joules>();
template std::string_view quantity_example<Dollars>();
template std::string_view quantity_example<DollarsPerHour>();
template std::string_view quantity_example<DollarsPerJoule>();

}  // namespace stepcast
