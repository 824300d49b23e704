// kernels/cpu/gemm.h as plain loops; T is float or double, sums are double.
#pragma once

#include "kernels/cpu/gemm.h"

namespace stepcast::reference {

template <typename T>
void gemm(const Gemm& shape, const T* a, const T* b, T* c);

}  // namespace stepcast::reference
