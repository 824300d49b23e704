// Rotary position embedding on a GPU: kernels/cpu/rotary.h says what it computes. T is float, Bf16
// or Fp16, arithmetic is fp32.
#pragma once

#include "kernels/cpu/rotary.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// RotaryTable in device memory.
class DeviceRotaryTable {
 public:
  explicit DeviceRotaryTable(const RotaryTable& table)
      : cosines_(table.cosines), sines_(table.sines) {}
  const float* cosines() const { return cosines_.data(); }
  const float* sines() const { return sines_.data(); }

 private:
  DeviceArray<float> cosines_, sines_;
};

/// y = x turned forward, or backward with `inverse`. y has the shape and strides of x and may be x;
/// what lies behind the heads of a row is not touched.
template <typename T>
void rotary(const RotaryShape& shape, const DeviceRotaryTable& table, bool inverse, const T* x,
            T* y, DeviceContext& context);

}  // namespace stepcast::cuda
