// Activations and SwiGLU on a GPU: kernels/cpu/activation.h says what they compute and what may
// alias. T is float, Bf16 or Fp16, arithmetic is fp32; one pass over memory each, column sums of
// the bias's gradient included.
#pragma once

#include "kernels/cpu/activation.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// y = activation(x + bias); bias (cols) may be null; y may be x.
template <typename T>
void activation_forward(const ActivationShape& shape, const T* x, const T* bias, T* y,
                        DeviceContext& context);

/// dx = dy * activation'(x + bias); dx may be dy. Adds the column sums of dx, before they are
/// rounded to T, to dbias (cols), unless it is null.
template <typename T>
void activation_backward(const ActivationShape& shape, const T* x, const T* bias, const T* dy,
                         T* dx, float* dbias, DeviceContext& context);

/// y = silu(gate) * up; y (rows, cols), dense.
template <typename T>
void swiglu_forward(const SwigluShape& shape, const T* gate, const T* up, T* y,
                    DeviceContext& context);

/// Overwrites dgate and dup, which may be gate and up.
template <typename T>
void swiglu_backward(const SwigluShape& shape, const T* gate, const T* up, const T* dy, T* dgate,
                     T* dup, DeviceContext& context);

}  // namespace stepcast::cuda
