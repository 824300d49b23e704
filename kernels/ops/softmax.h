// Scale, mask and softmax of the scores of unfused attention, on a GPU: kernels/cpu/softmax.h says
// what they compute. T is float, Bf16 or Fp16; sums are fp32. Of a causal row only what is seen is
// read.
#pragma once

#include "kernels/cpu/softmax.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// p may be scores. A query that sees nothing gets zeros.
template <typename T>
void softmax_forward(const SoftmaxShape& shape, const T* scores, T* p, DeviceContext& context);

/// Overwrites dscores, which may be dp.
template <typename T>
void softmax_backward(const SoftmaxShape& shape, const T* p, const T* dp, T* dscores,
                      DeviceContext& context);

}  // namespace stepcast::cuda
