// Layer norm and RMS norm over the last dimension. The backward passes compute their statistics
// again from x, so that nothing but x is kept between the passes.
#pragma once

#include <cstdint>

namespace stepcast {

/// x, y and their gradients (rows, cols), dense; gain, bias and their gradients (cols).
struct NormShape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  float epsilon = 1e-5f;
};

namespace cpu {

/// y = gain * (x - mean) / sqrt(variance + epsilon) + bias; the variance divides by cols. bias may
/// be null; y may be x.
template <typename T>
void layer_norm_forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y);

/// Overwrites dx, or adds to it with add_dx; dx may be dy when it is overwritten. Always adds to
/// dgain and dbias; dbias may be null.
template <typename T>
void layer_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         bool add_dx, float* dgain, float* dbias);

/// y = gain * x / sqrt(mean of x^2 + epsilon) [Zhang and Sennrich 2019, equation 4]; y may be x.
template <typename T>
void rms_norm_forward(const NormShape& shape, const T* x, const T* gain, T* y);

/// As layer_norm_backward.
template <typename T>
void rms_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                       bool add_dx, float* dgain);

}  // namespace cpu
}  // namespace stepcast
