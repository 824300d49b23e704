// kernels/cpu/batch_norm.h as plain loops; T is float or double, arithmetic is double.
#pragma once

#include "kernels/cpu/batch_norm.h"

namespace stepcast::reference {

template <typename T>
void batch_norm_forward(const BatchNormShape& shape, const T* x, const T* gain, const T* bias, T* y,
                        T* running_mean, T* running_variance);
template <typename T>
void batch_norm_backward(const BatchNormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         T* dgain, T* dbias);

}  // namespace stepcast::reference
