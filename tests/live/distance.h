// How far two trainings are from each other. The bounds are ten times the honest spread of fp32; a
// sum where a mean belongs is 1.0 in the norm, one element that was not reduced some 1e-2 of its
// tensor's maximum.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/live/train.h"

namespace stepcast::live_test {

inline constexpr double kLossBound = 2e-6, kNormBound = 1e-7, kGradientBound = 1e-5;

inline double largest_of(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// How far `other` is from `one`, by each of the three yardsticks; infinite where something is
/// missing.
struct Distance {
  double loss = 0, norm = 0, program_norm = 0, gradient = 0;
  std::string tensor;  ///< the worst one

  bool small() const {
    return loss <= kLossBound && norm <= kNormBound && gradient <= kGradientBound;
  }
};

inline Distance distance(const Outcome& one, const Outcome& other) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Distance d;
  for (std::size_t i = 0; i < one.losses.size(); ++i)
    d.loss = std::max(d.loss, std::abs(other.losses[i] / one.losses[i] - 1));
  d.norm = std::abs(other.gradient_norm() / one.gradient_norm() - 1);
  d.program_norm = std::abs(other.norms[0] / one.gradient_norm() - 1);
  for (const auto& [name, want] : one.gradients) {
    const auto found = other.gradients.find(name);
    double worst = found == other.gradients.end() ? kInfinity : 0;
    // Padding of the vocabulary differs; what both have is compared.
    for (std::size_t i = 0; worst < kInfinity && i < want.size(); ++i) {
      if (i >= found->second.size()) {
        worst = std::max(worst, std::abs(want[i]) > 0 ? kInfinity : 0.0);
        continue;
      }
      const double error = std::abs(found->second[i] - want[i]);
      worst = std::isfinite(error) ? std::max(worst, error) : kInfinity;
    }
    if (const double largest = largest_of(want); largest > 0) worst /= largest;
    if (worst >= d.gradient) {
      d.gradient = worst;
      d.tensor = name;
    }
  }
  return d;
}

}  // namespace stepcast::live_test
