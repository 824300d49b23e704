// Layer norm and RMS norm on a GPU: kernels/cpu/norm.h says what they compute and what may alias. T
// is float, Bf16 or Fp16; statistics, sums and gradients of gain and bias are fp32. A row is read
// from memory once. The backward pass sums gain and bias over the rows of each block, then over
// blocks, in a fixed order.
#pragma once

#include "kernels/cpu/norm.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// bias may be null; y may be x.
template <typename T>
void layer_norm_forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y,
                        DeviceContext& context);

/// Overwrites dx, or adds to it with add_dx; dx may be dy when it is overwritten. Always adds to
/// dgain and dbias; dbias may be null. Rows of more than 20,480 columns are an Error(kUnsupported):
/// the sums of a block are in its shared memory.
template <typename T>
void layer_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         bool add_dx, float* dgain, float* dbias, DeviceContext& context);

template <typename T>
void rms_norm_forward(const NormShape& shape, const T* x, const T* gain, T* y,
                      DeviceContext& context);

/// As layer_norm_backward; up to 40,960 columns.
template <typename T>
void rms_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                       bool add_dx, float* dgain, DeviceContext& context);

}  // namespace stepcast::cuda
