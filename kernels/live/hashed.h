// Numbers that look random and are the same on every rank, in every run and under every plan.
#pragma once

#include <cstdint>

namespace stepcast {

/// The finaliser of splitmix64 [Steele, Lea, Flood 2014, Fast splittable pseudorandom number
/// generators, figure 17].
constexpr std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// Uniform in [0, 1).
constexpr double hashed_unit(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15u;  // ibid.
  const std::uint64_t x = mixed(mixed(mixed(a + kStep) + b + kStep) + c + kStep);
  return static_cast<double>(x >> 11) * 0x1p-53;
}

}  // namespace stepcast
