// Pooling of images on a GPU: kernels/cpu/pooling.h says what is computed. fp32. Backward passes
// gather, four elements of dx in a thread, so they need no atomics.
#pragma once

#include "kernels/cpu/pooling.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

void max_pooling_forward(const PoolingShape& shape, const float* x, float* y,
                         DeviceContext& context);
/// The gradient goes to the first of equal maxima, found again in x and noted in scratch memory: a
/// byte for each window of up to 15 elements across. Overwrites dx.
void max_pooling_backward(const PoolingShape& shape, const float* x, const float* dy, float* dx,
                          DeviceContext& context);
void average_pooling_forward(const PoolingShape& shape, const float* x, float* y,
                             DeviceContext& context);
/// Overwrites dx.
void average_pooling_backward(const PoolingShape& shape, const float* dy, float* dx,
                              DeviceContext& context);

}  // namespace stepcast::cuda
