// Residual and dropout on a GPU: kernels/cpu/dropout.h says what they compute, draws the same
// elements and says what may alias. T is float, Bf16 or Fp16, arithmetic is fp32; one pass over
// memory, no mask.
#pragma once

#include "kernels/cpu/dropout.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// bias (cols) and residual (rows, cols) may be null; y may be x or residual.
template <typename T>
void residual_dropout_forward(const DropoutShape& shape, const Dropout& dropout, const T* x,
                              const T* bias, const T* residual, T* y, DeviceContext& context);

/// Overwrites dx, which may be dy; adds the column sums of dx to dbias, unless it is null.
template <typename T>
void residual_dropout_backward(const DropoutShape& shape, const Dropout& dropout, const T* dy,
                               T* dx, float* dbias, DeviceContext& context);

}  // namespace stepcast::cuda
