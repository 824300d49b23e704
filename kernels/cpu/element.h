// Element types of tensors in memory. All arithmetic is fp32: kernels widen what they read and
// round what they write, to nearest, ties to even.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/cpu/vectorize.h"

namespace stepcast {

/// The upper half of an fp32 number: 8 bits of exponent, 7 of fraction.
struct Bf16 {
  std::uint16_t bits;
  bool operator==(const Bf16&) const = default;
};

STEPCAST_INLINE float widened(float x) { return x; }
STEPCAST_INLINE double widened(double x) { return x; }
STEPCAST_INLINE float widened(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

STEPCAST_INLINE void store(float& to, float x) { to = x; }
STEPCAST_INLINE void store(Bf16& to, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t nearest = bits + 0x7fff + ((bits >> 16) & 1);
  // Rounding must not carry a NaN over into an infinity.
  to.bits = static_cast<std::uint16_t>((x == x ? nearest : (bits | 0x400000)) >> 16);
}

}  // namespace stepcast
