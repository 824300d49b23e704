// kernels/cpu/dropout.h as plain loops, one draw per element; T is float or double.
#pragma once

#include "kernels/cpu/dropout.h"

namespace stepcast::reference {

template <typename T>
void residual_dropout_forward(const DropoutShape& shape, const Dropout& dropout, const T* x,
                              const T* bias, const T* residual, T* y);
template <typename T>
void residual_dropout_backward(const DropoutShape& shape, const Dropout& dropout, const T* dy,
                               T* dx, T* dbias);

}  // namespace stepcast::reference
