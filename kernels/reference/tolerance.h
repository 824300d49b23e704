// How far a kernel may be from its reference.
//
// A sum of `terms` products rounds in another order than the reference's; its error grows like
// sqrt(terms) ulps of the largest partial sum [Higham 2002, Accuracy and Stability of Numerical
// Algorithms, section 4.2, random model], and what is subtracted at the end may be as large as the
// largest element. So the bound has a part that follows the element and a part that follows the
// largest element of the tensor, or what cancels in it.
//
// The bound is for every order of summation. One after the other, where partial sums grow evenly to
// S, n roundings with a standard deviation of epsilon / sqrt(3) of their partial sum add up to
// sqrt(n) S epsilon / 3, a sixth of what is allowed; vectors and trees leave less. A sum of what
// other sums went into has the terms of both.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

namespace stepcast::reference {

/// Rounding of one operation.
inline constexpr double kFp32Epsilon = 1.0 / (1 << 24);
inline constexpr double kFp16Epsilon = 1.0 / (1 << 11);
inline constexpr double kBf16Epsilon = 1.0 / (1 << 8);

/// `elementary` counts the roundings of an element beside its sums: an exponential or a quotient
/// is about four.
struct Tolerance {
  double epsilon = kFp32Epsilon;
  double elementary = 8;
  std::int64_t terms = 1;
  /// The largest of what cancels in an element, where that is more than any element that is left.
  double cancelled = 0;

  double allowed(double want, double largest) const {
    return epsilon * (elementary * std::abs(want) +
                      2 * std::sqrt(static_cast<double>(terms)) * std::max(largest, cancelled));
  }
};

template <typename T>
double largest_magnitude(std::span<const T> values) {
  double largest = 0;
  for (const T value : values) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

}  // namespace stepcast::reference
