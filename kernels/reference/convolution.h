// kernels/cpu/convolution.h straight from the definition; T is float or double, sums are double.
#pragma once

#include "kernels/cpu/convolution.h"

namespace stepcast::reference {

template <typename T>
void convolution_forward(const ConvolutionShape& shape, const T* x, const T* weights, T* y);
template <typename T>
void convolution_dgrad(const ConvolutionShape& shape, const T* weights, const T* dy, T* dx);
template <typename T>
void convolution_wgrad(const ConvolutionShape& shape, const T* x, const T* dy, T* dweights);

}  // namespace stepcast::reference
