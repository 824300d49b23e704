// Exponential and its relatives for loops that vectorise. libm's cost a call per element, and the
// vector library's expf leaves its fast path below -87; these are flat in their data and give the
// same bits with every libc.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/cpu/vectorize.h"

namespace stepcast {

/// e^x with a relative error of 2e-7; x is first clamped to [-87, 88], so that the result is a
/// normal number. Reduction and polynomial: expf of Moshier's Cephes library, release 2.2.
STEPCAST_INLINE float fast_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // Adding 1.5 * 2^23 rounds to a whole number, which then lies in the lower bits.
  constexpr float kRound = 12582912.0f;
  const auto shifted = std::bit_cast<std::int32_t>(x * 1.44269504f + kRound);
  const std::int32_t exponent = shifted - std::bit_cast<std::int32_t>(kRound);
  const auto n = static_cast<float>(exponent);
  const float f = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  return ((p * f * f + f) + 1.0f) * std::bit_cast<float>((exponent + 127) << 23);
}

STEPCAST_INLINE float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

/// Sigmoid and its derivative s (1 - s), without the cancellation of 1 - s.
struct SigmoidPoint {
  float value;
  float slope;
};
STEPCAST_INLINE SigmoidPoint sigmoid_point(float x) {
  const float e = fast_exp(-x);
  const float value = 1.0f / (1.0f + e);
  return {value, value * (e / (1.0f + e))};
}

/// Distribution function of the standard normal, erfc(-x / sqrt 2) / 2, to a relative 1.2e-7 and
/// the rounding of its exponent. Chebyshev fit of erfc: Press et al. 1992, Numerical Recipes in C,
/// section 6.2.
STEPCAST_INLINE float normal_cdf(float x) {
  const float z = (x < 0 ? -x : x) * 0.70710678f;
  const float t = 1.0f / (1.0f + 0.5f * z);
  float p = 0.17087277f;
  p = p * t - 0.82215223f;
  p = p * t + 1.48851587f;
  p = p * t - 1.13520398f;
  p = p * t + 0.27886807f;
  p = p * t - 0.18628806f;
  p = p * t + 0.09678418f;
  p = p * t + 0.37409196f;
  p = p * t + 1.00002368f;
  p = p * t - 1.26551223f;
  const float tail = 0.5f * t * fast_exp(p - z * z);
  return x < 0 ? tail : 1.0f - tail;
}

}  // namespace stepcast
