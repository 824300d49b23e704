// kernels/cpu/pooling.h as plain loops over every element of every window; T is float or double.
#pragma once

#include "kernels/cpu/pooling.h"

namespace stepcast::reference {

template <typename T>
void max_pooling_forward(const PoolingShape& shape, const T* x, T* y);
template <typename T>
void max_pooling_backward(const PoolingShape& shape, const T* x, const T* dy, T* dx);
template <typename T>
void average_pooling_forward(const PoolingShape& shape, const T* x, T* y);
template <typename T>
void average_pooling_backward(const PoolingShape& shape, const T* dy, T* dx);

}  // namespace stepcast::reference
