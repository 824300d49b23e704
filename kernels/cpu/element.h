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

/// IEEE binary16: 5 bits of exponent, 10 of fraction; subnormal below 2^-14, infinite from 65520.
struct Fp16 {
  std::uint16_t bits;
  bool operator==(const Fp16&) const = default;
};

STEPCAST_INLINE float widened(float x) { return x; }
STEPCAST_INLINE double widened(double x) { return x; }
STEPCAST_INLINE float widened(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// By selections, not branches, so that loops vectorise.
STEPCAST_INLINE float widened(Fp16 x) {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000) << 16;
  const std::uint32_t rest = x.bits & 0x7fff;
  // The exponent's bias is 15 here and 127 there; infinities and NaN go from 31 to 255.
  constexpr std::uint32_t kRebias = 112u << 23;
  const float normal =
      std::bit_cast<float>((rest << 13) + (rest >= 0x7c00 ? 2 * kRebias : kRebias));
  const float subnormal = static_cast<float>(static_cast<std::int32_t>(rest)) * 0x1p-24f;
  const float magnitude = rest < 0x400 ? subnormal : normal;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}

STEPCAST_INLINE void store(float& to, float x) { to = x; }
STEPCAST_INLINE void store(Bf16& to, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t nearest = bits + 0x7fff + ((bits >> 16) & 1);
  // Rounding must not carry a NaN over into an infinity.
  to.bits = static_cast<std::uint16_t>((x == x ? nearest : (bits | 0x400000)) >> 16);
}

STEPCAST_INLINE void store(Fp16& to, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  constexpr std::uint32_t kRebias = 112u << 23;
  const std::uint32_t normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - kRebias) >> 13;
  // The last place of a number from 0.5 on is 2^-24, that of a subnormal: adding 0.5 rounds to it.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(shifted) - 0x3f000000;
  std::uint32_t result = magnitude < 0x38800000 ? subnormal : normal;  // 2^-14
  result = magnitude >= 0x477ff000 ? 0x7c00 : result;                  // 65520: infinity
  result = magnitude > 0x7f800000 ? 0x7e00 : result;                   // NaN
  to.bits = static_cast<std::uint16_t>(result | ((bits >> 16) & 0x8000));
}

}  // namespace stepcast
