// Runs a kernel on copies of host tensors in device memory.
#pragma once

#include <type_traits>
#include <vector>

#include "kernels/ops/device_context.h"
#include "tests/support/tensors.h"

namespace stepcast {

/// The context of a test: its own stream, which is waited for by values().
struct TestDevice {
  Stream stream;
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

/// Results stored in T are rounded once more than the reference's, by half a unit of T.
template <typename T>
void expect_stored(const DeviceArray<T>& got, const std::vector<float>& want,
                   reference::Tolerance tolerance) {
  if constexpr (!std::is_same_v<T, float>) {
    // The sums are fp32 all the same; seen from T, what they err by is little.
    const double ratio = reference::kFp32Epsilon / kEpsilonOf<T>;
    tolerance.elementary = 1.01 + tolerance.elementary * ratio;
    const double terms = static_cast<double>(tolerance.terms) * ratio * ratio;
    tolerance.terms = terms > 1 ? static_cast<std::int64_t>(terms) : 0;
    tolerance.epsilon = kEpsilonOf<T>;
  }
  expect_close(from_device(got), want, tolerance);
}

}  // namespace stepcast
