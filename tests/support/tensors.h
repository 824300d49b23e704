// Random tensors, and the comparison of a kernel's result with its reference.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "kernels/cpu/element.h"
#include "kernels/reference/tolerance.h"

namespace stepcast {

/// `n` normal values; the same for the same seed everywhere (no library distribution).
template <typename T = float>
std::vector<T> random_values(std::int64_t n, std::uint32_t seed, double deviation = 1) {
  std::mt19937 words(seed);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (T& value : values) {
    double sum = -6;  // twelve uniform draws have variance 1
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(words()) / 4294967296.0;
    value = static_cast<T>(deviation * sum);
  }
  return values;
}

inline std::vector<std::int32_t> random_ids(std::int64_t n, std::int32_t end, std::uint32_t seed) {
  std::mt19937 words(seed);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(n));
  for (std::int32_t& id : ids)
    id = static_cast<std::int32_t>(words() % static_cast<std::uint32_t>(end));
  return ids;
}

template <typename T = Bf16>
std::vector<T> rounded(const std::vector<float>& values) {
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) store(result[i], values[i]);
  return result;
}

template <typename T>
std::vector<float> widened(const std::vector<T>& values) {
  std::vector<float> result;
  for (const T value : values) result.push_back(widened(value));
  return result;
}

/// Every element within the tolerance of what the reference says; the first that is not is named.
inline void expect_close(const std::vector<float>& got, const std::vector<float>& want,
                         reference::Tolerance tolerance) {
  ASSERT_EQ(got.size(), want.size());
  const double largest = reference::largest_magnitude(std::span<const float>(want));
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double allowed = tolerance.allowed(want[i], largest);
    if (got[i] == want[i]) continue;  // infinities too
    ASSERT_LE(std::abs(static_cast<double>(got[i]) - want[i]), allowed)
        << "element " << i << ": " << got[i] << ", reference " << want[i];
  }
}

inline double inner_product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// `gradient` against the central difference of `loss` at `x` along three random directions. The
/// step of 1e-5 leaves 1e-10 of truncation and 1e-11 of rounding.
template <typename Loss>
void expect_gradient(const std::vector<double>& x, const std::vector<double>& gradient,
                     const Loss& loss) {
  ASSERT_EQ(x.size(), gradient.size());
  constexpr double kStep = 1e-5;
  for (std::uint32_t seed = 900; seed < 903; ++seed) {
    const auto direction = random_values<double>(static_cast<std::int64_t>(x.size()), seed);
    std::vector<double> ahead = x, behind = x;
    for (std::size_t i = 0; i < x.size(); ++i) {
      ahead[i] += kStep * direction[i];
      behind[i] -= kStep * direction[i];
    }
    const double slope = (loss(ahead) - loss(behind)) / (2 * kStep);
    const double scale =
        std::sqrt(inner_product(gradient, gradient) * inner_product(direction, direction));
    ASSERT_GT(scale, 0);
    EXPECT_NEAR(slope, inner_product(gradient, direction), 1e-7 * scale);
  }
}

}  // namespace stepcast
