// Batch norm of images on a GPU, in training: kernels/cpu/batch_norm.h says what is computed. fp32;
// one kernel reads x (and dy) for the sums of slices of each channel, another for the result.
#pragma once

#include "kernels/cpu/batch_norm.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// y may be x; both running statistics may be null.
void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gain,
                        const float* bias, float* y, float* running_mean, float* running_variance,
                        DeviceContext& context);

/// Overwrites dx, which may be dy; adds to dgain and dbias.
void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gain,
                         const float* dy, float* dx, float* dgain, float* dbias,
                         DeviceContext& context);

}  // namespace stepcast::cuda
