// kernels/cpu/softmax.h as plain loops; T is float or double, arithmetic is double.
#pragma once

#include "kernels/cpu/softmax.h"

namespace stepcast::reference {

template <typename T>
void softmax_forward(const SoftmaxShape& shape, const T* scores, T* p);
template <typename T>
void softmax_backward(const SoftmaxShape& shape, const T* p, const T* dp, T* dscores);

}  // namespace stepcast::reference
