// kernels/cpu/optimizer.h as plain loops; T is float or double, arithmetic is double.
#pragma once

#include "kernels/cpu/optimizer.h"

namespace stepcast::reference {

template <typename T>
void adam(const Adam& settings, std::int64_t n, const T* gradient, T* weights, T* moment1,
          T* moment2);
/// A whole tensor.
template <typename T>
void lamb(const Adam& settings, std::int64_t n, const T* gradient, T* weights, T* moment1,
          T* moment2);
template <typename T>
void sgd(const Sgd& settings, std::int64_t n, const T* gradient, T* weights, T* u);

}  // namespace stepcast::reference
