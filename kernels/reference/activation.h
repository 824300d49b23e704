// kernels/cpu/activation.h as plain loops; T is float or double, arithmetic is double.
#pragma once

#include "kernels/cpu/activation.h"

namespace stepcast::reference {

template <typename T>
void activation_forward(const ActivationShape& shape, const T* x, const T* bias, T* y);
template <typename T>
void activation_backward(const ActivationShape& shape, const T* x, const T* bias, const T* dy,
                         T* dx, T* dbias);
template <typename T>
void swiglu_forward(const SwigluShape& shape, const T* gate, const T* up, T* y);
template <typename T>
void swiglu_backward(const SwigluShape& shape, const T* gate, const T* up, const T* dy, T* dgate,
                     T* dup);

}  // namespace stepcast::reference
