// Runs a kernel on copies of host tensors in device memory.
#pragma once

#include <type_traits>
#include <vector>

#include "kernels/ops/device_context.h"
#include "tests/support/tensors.h"

namespace stepcast {

/// The context of a test: its own stream, which is waited for by values().
struct TestDevice {
  DeviceStream stream;
  DeviceContext context{stream.handle()};
};

template <typename T>
inline constexpr double kEpsilonOf = std::is_same_v<T, Bf16>   ? reference::kBf16Epsilon
                                     : std::is_same_v<T, Fp16> ? reference::kFp16Epsilon
                                                               : reference::kFp32Epsilon;

/// fp32 values as they are stored in T, and back as fp32.
template <typename T>
DeviceArray<T> on_device(const std::vector<float>& values) {
  return DeviceArray<T>(rounded<T>(values));
}
template <typename T>
std::vector<float> from_device(const DeviceArray<T>& array) {
  return widened(array.values());
}
/// What the device sees of values that are stored in T: the input of the reference.
template <typename T>
std::vector<float> as_stored(const std::vector<float>& values) {
  return widened(rounded<T>(values));
}

/// Results computed in fp32 within `tolerance`, then rounded to T: half a unit of the last place of
/// the element more, and of the smallest subnormal number where it underflows.
template <typename T>
void expect_stored(const DeviceArray<T>& result, const std::vector<float>& want,
                   reference::Tolerance tolerance) {
  const std::vector<float> got = from_device(result);
  if constexpr (std::is_same_v<T, float>) return expect_close(got, want, tolerance);
  ASSERT_EQ(got.size(), want.size());
  const double largest = reference::largest_magnitude(std::span<const float>(want));
  const double smallest = std::is_same_v<T, Fp16> ? 0x1p-25 : 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double exact = want[i];
    const double allowed =
        tolerance.allowed(exact, largest) + 1.01 * kEpsilonOf<T> * std::abs(exact) + smallest;
    ASSERT_LE(std::abs(got[i] - exact), allowed)
        << "element " << i << ": " << got[i] << ", reference " << exact;
  }
}

}  // namespace stepcast
