// Physical quantities as types, so that only meaningful arithmetic compiles: Bytes / BytesPerSec is
// Seconds, Bytes + Flops does not build. Every other room speaks in these types; raw numbers appear
// at two borders only, the SimGrid calls and a kernel launch. Text ("400 Gb/s") is in
// quantity_text.h.
#pragma once

#include <compare>
#include <cstdint>

namespace stepcast {

/// A number with a dimension. `Dimension` is an empty tag; `Rep` is std::int64_t for things that
/// are counted (bytes) and double for everything else. The default value is zero.
template <typename Dimension, typename Rep = double>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(Rep value) : value_(value) {}

  /// The bare number, in the SI unit of the dimension (bytes, seconds, bytes per second, watts,
  /// ...).
  constexpr Rep value() const { return value_; }

  constexpr auto operator<=>(const Quantity&) const = default;
  constexpr Quantity operator-() const { return Quantity(-value_); }
  constexpr Quantity& operator+=(Quantity other) { return value_ += other.value_, *this; }
  constexpr Quantity& operator-=(Quantity other) { return value_ -= other.value_, *this; }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.value_ + b.value_);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value_ - b.value_);
  }
  friend constexpr Quantity operator*(Quantity a, Rep factor) {
    return Quantity(a.value_ * factor);
  }
  friend constexpr Quantity operator*(Rep factor, Quantity a) {
    return Quantity(a.value_ * factor);
  }
  friend constexpr Quantity operator/(Quantity a, Rep divisor) {
    return Quantity(a.value_ / divisor);
  }
  /// The ratio of two like quantities is a plain number.
  friend constexpr double operator/(Quantity a, Quantity b) {
    return static_cast<double>(a.value_) / static_cast<double>(b.value_);
  }

 private:
  Rep value_ = 0;
};

using Bytes = Quantity<struct BytesDimension, std::int64_t>;
using Flops = Quantity<struct FlopsDimension>;
using Seconds = Quantity<struct SecondsDimension>;
using BytesPerSec = Quantity<struct BytesPerSecDimension>;
using FlopsPerSec = Quantity<struct FlopsPerSecDimension>;
using Watts = Quantity<struct WattsDimension>;
using Joules = Quantity<struct JoulesDimension>;
using Dollars = Quantity<struct DollarsDimension>;
using DollarsPerHour = Quantity<struct DollarsPerHourDimension>;
using DollarsPerJoule = Quantity<struct DollarsPerJouleDimension>;

constexpr Seconds operator/(Bytes size, BytesPerSec rate) {
  return Seconds(static_cast<double>(size.value()) / rate.value());
}
constexpr Seconds operator/(Flops work, FlopsPerSec rate) {
  return Seconds(work.value() / rate.value());
}
constexpr BytesPerSec operator/(Bytes size, Seconds time) {
  return BytesPerSec(static_cast<double>(size.value()) / time.value());
}
constexpr FlopsPerSec operator/(Flops work, Seconds time) {
  return FlopsPerSec(work.value() / time.value());
}
constexpr Joules operator*(Watts power, Seconds time) {
  return Joules(power.value() * time.value());
}
constexpr Dollars operator*(DollarsPerHour price, Seconds time) {
  return Dollars(price.value() * time.value() / 3600.0);
}
constexpr Dollars operator*(DollarsPerJoule price, Joules energy) {
  return Dollars(price.value() * energy.value());
}

}  // namespace stepcast
