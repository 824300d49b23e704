// kernels/cpu/norm.h as plain loops; T is float or double, arithmetic is double.
#pragma once

#include "kernels/cpu/norm.h"

namespace stepcast::reference {

template <typename T>
void layer_norm_forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y);
template <typename T>
void layer_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         bool add_dx, T* dgain, T* dbias);
template <typename T>
void rms_norm_forward(const NormShape& shape, const T* x, const T* gain, T* y);
template <typename T>
void rms_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                       bool add_dx, T* dgain);

}  // namespace stepcast::reference
