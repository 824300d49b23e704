#include "kernels/cpu/norm.h"

#include <cmath>

#include "kernels/cpu/element.h"

namespace stepcast::cpu {
namespace {

// Both norms are (x - mean) * scale * gain; RMS norm has mean 0. A row fits the first cache, so
// passes over it are cheap.
struct Statistics {
  float mean;
  float scale;
};

template <bool kCentred, typename T>
STEPCAST_INLINE Statistics statistics(const NormShape& shape, const T* x) {
  float mean = 0;
  if constexpr (kCentred) {
#pragma omp simd reduction(+ : mean)
    for (std::int64_t c = 0; c < shape.cols; ++c) mean += widened(x[c]);
    mean /= static_cast<float>(shape.cols);
  }
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (std::int64_t c = 0; c < shape.cols; ++c) {
    const float d = widened(x[c]) - mean;
    squares += d * d;
  }
  return {mean, 1 / std::sqrt(squares / static_cast<float>(shape.cols) + shape.epsilon)};
}

template <bool kCentred, bool kBias, typename T>
STEPCAST_VECTORIZED void forward(const NormShape& shape, const T* x, const T* gain, const T* bias,
                                 T* y) {
  for (std::int64_t r = 0; r < shape.rows; ++r, x += shape.cols, y += shape.cols) {
    const Statistics s = statistics<kCentred>(shape, x);
#pragma omp simd
    for (std::int64_t c = 0; c < shape.cols; ++c) {
      const float normal = (widened(x[c]) - s.mean) * s.scale;
      store(y[c], normal * widened(gain[c]) + (kBias ? widened(bias[c]) : 0.0f));
    }
  }
}

/// With n = (x - mean) * scale and g = dy * gain:  dx = scale * (g - mean(g) - n * mean(g * n)),
/// without mean(g) for RMS norm.
template <bool kCentred, bool kAdd, bool kBias, typename T>
STEPCAST_VECTORIZED void backward(const NormShape& shape, const T* x, const T* gain, const T* dy,
                                  T* dx, float* dgain, float* dbias) {
  const std::int64_t cols = shape.cols;
  const auto count = static_cast<float>(cols);
  for (std::int64_t r = 0; r < shape.rows; ++r, x += cols, dy += cols, dx += cols) {
    const Statistics s = statistics<kCentred>(shape, x);
    float sum = 0, projection = 0;
#pragma omp simd reduction(+ : sum, projection)
    for (std::int64_t c = 0; c < cols; ++c) {
      const float d = widened(dy[c]), normal = (widened(x[c]) - s.mean) * s.scale;
      const float g = d * widened(gain[c]);
      if constexpr (kCentred) sum += g;
      projection += g * normal;
      dgain[c] += d * normal;
      if constexpr (kBias) dbias[c] += d;
    }
    const float mean_g = sum / count, mean_gn = projection / count;
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) {
      const float normal = (widened(x[c]) - s.mean) * s.scale;
      const float d = s.scale * (widened(dy[c]) * widened(gain[c]) - mean_g - normal * mean_gn);
      store(dx[c], kAdd ? widened(dx[c]) + d : d);
    }
  }
}

}  // namespace

template <typename T>
void layer_norm_forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y) {
  if (bias)
    forward<true, true>(shape, x, gain, bias, y);
  else
    forward<true, false>(shape, x, gain, bias, y);
}

template <typename T>
void layer_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         bool add_dx, float* dgain, float* dbias) {
  if (add_dx && dbias)
    backward<true, true, true>(shape, x, gain, dy, dx, dgain, dbias);
  else if (add_dx)
    backward<true, true, false>(shape, x, gain, dy, dx, dgain, dbias);
  else if (dbias)
    backward<true, false, true>(shape, x, gain, dy, dx, dgain, dbias);
  else
    backward<true, false, false>(shape, x, gain, dy, dx, dgain, dbias);
}

template <typename T>
void rms_norm_forward(const NormShape& shape, const T* x, const T* gain, T* y) {
  forward<false, false>(shape, x, gain, static_cast<const T*>(nullptr), y);
}

template <typename T>
void rms_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                       bool add_dx, float* dgain) {
  if (add_dx)
    backward<false, true, false>(shape, x, gain, dy, dx, dgain, nullptr);
  else
    backward<false, false, false>(shape, x, gain, dy, dx, dgain, nullptr);
}

#define STEPCAST_INSTANTIATE(T)                                                               \
  template void layer_norm_forward(const NormShape&, const T*, const T*, const T*, T*);       \
  template void layer_norm_backward(const NormShape&, const T*, const T*, const T*, T*, bool, \
                                    float*, float*);                                          \
  template void rms_norm_forward(const NormShape&, const T*, const T*, T*);                   \
  template void rms_norm_backward(const NormShape&, const T*, const T*, const T*, T*, bool, float*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
