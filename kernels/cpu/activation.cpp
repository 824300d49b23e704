#include "kernels/cpu/activation.h"

#include "kernels/cpu/element.h"
#include "kernels/cpu/vector_math.h"

namespace stepcast::cpu {
namespace {

// The tanh form is x * sigmoid(2 u) with u = sqrt(2/pi) (x + 0.044715 x^3), since
// (1 + tanh u) / 2 = sigmoid(2 u).
constexpr float kTwiceSqrt2OverPi = 1.5957691216f;
constexpr float kCubic = 0.044715f;
constexpr float kInverseSqrt2Pi = 0.3989422804f;

template <Activation kKind>
STEPCAST_INLINE float value(float x) {
  if constexpr (kKind == Activation::kGeluTanh) {
    return x * sigmoid(kTwiceSqrt2OverPi * (x + kCubic * x * x * x));
  } else if constexpr (kKind == Activation::kGeluErf) {
    return x * normal_cdf(x);
  } else {
    return x > 0 ? x : 0;
  }
}

template <Activation kKind>
STEPCAST_INLINE float slope(float x) {
  if constexpr (kKind == Activation::kGeluTanh) {
    const SigmoidPoint s = sigmoid_point(kTwiceSqrt2OverPi * (x + kCubic * x * x * x));
    return s.value + x * s.slope * kTwiceSqrt2OverPi * (1 + 3 * kCubic * x * x);
  } else if constexpr (kKind == Activation::kGeluErf) {
    return normal_cdf(x) + x * kInverseSqrt2Pi * fast_exp(-0.5f * x * x);
  } else {
    return x > 0 ? 1.0f : 0.0f;
  }
}

template <Activation kKind, bool kBias, typename T>
STEPCAST_VECTORIZED void forward(std::int64_t rows, std::int64_t cols, const T* x, const T* bias,
                                 T* y) {
  for (std::int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c)
      store(y[c], value<kKind>(widened(x[c]) + (kBias ? widened(bias[c]) : 0.0f)));
  }
}

template <Activation kKind, bool kBias, bool kBiasGradient, typename T>
STEPCAST_VECTORIZED void backward(std::int64_t rows, std::int64_t cols, const T* x, const T* bias,
                                  const T* dy, T* dx, float* dbias) {
  for (std::int64_t r = 0; r < rows; ++r, x += cols, dy += cols, dx += cols) {
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) {
      const float d =
          widened(dy[c]) * slope<kKind>(widened(x[c]) + (kBias ? widened(bias[c]) : 0.0f));
      store(dx[c], d);
      if constexpr (kBiasGradient) dbias[c] += d;
    }
  }
}

template <Activation kKind, typename T>
void forward_of(const ActivationShape& shape, const T* x, const T* bias, T* y) {
  if (bias)
    forward<kKind, true>(shape.rows, shape.cols, x, bias, y);
  else
    forward<kKind, false>(1, shape.rows * shape.cols, x, bias, y);
}

template <Activation kKind, typename T>
void backward_of(const ActivationShape& shape, const T* x, const T* bias, const T* dy, T* dx,
                 float* dbias) {
  const std::int64_t rows = shape.rows, cols = shape.cols;
  if (bias && dbias)
    backward<kKind, true, true>(rows, cols, x, bias, dy, dx, dbias);
  else if (bias)
    backward<kKind, true, false>(rows, cols, x, bias, dy, dx, dbias);
  else if (dbias)
    backward<kKind, false, true>(rows, cols, x, bias, dy, dx, dbias);
  else
    backward<kKind, false, false>(1, rows * cols, x, bias, dy, dx, dbias);
}

template <typename T>
STEPCAST_VECTORIZED void swiglu_rows(const SwigluShape& shape, const T* gate, const T* up, T* y) {
  for (std::int64_t r = 0; r < shape.rows; ++r, gate += shape.stride, up += shape.stride) {
#pragma omp simd
    for (std::int64_t c = 0; c < shape.cols; ++c) {
      const float x = widened(gate[c]);
      store(y[r * shape.cols + c], x * sigmoid(x) * widened(up[c]));
    }
  }
}

template <typename T>
STEPCAST_VECTORIZED void swiglu_gradient_rows(const SwigluShape& shape, const T* gate, const T* up,
                                              const T* dy, T* dgate, T* dup) {
  for (std::int64_t r = 0; r < shape.rows; ++r) {
    const std::int64_t row = r * shape.stride;
#pragma omp simd
    for (std::int64_t c = 0; c < shape.cols; ++c) {
      const float x = widened(gate[row + c]), u = widened(up[row + c]);
      const float d = widened(dy[r * shape.cols + c]);
      const SigmoidPoint s = sigmoid_point(x);
      store(dgate[row + c], d * u * (s.value + x * s.slope));
      store(dup[row + c], d * x * s.value);
    }
  }
}

}  // namespace

template <typename T>
void activation_forward(const ActivationShape& shape, const T* x, const T* bias, T* y) {
  switch (shape.kind) {
    case Activation::kGeluTanh:
      return forward_of<Activation::kGeluTanh>(shape, x, bias, y);
    case Activation::kGeluErf:
      return forward_of<Activation::kGeluErf>(shape, x, bias, y);
    case Activation::kRelu:
      return forward_of<Activation::kRelu>(shape, x, bias, y);
  }
}

template <typename T>
void activation_backward(const ActivationShape& shape, const T* x, const T* bias, const T* dy,
                         T* dx, float* dbias) {
  switch (shape.kind) {
    case Activation::kGeluTanh:
      return backward_of<Activation::kGeluTanh>(shape, x, bias, dy, dx, dbias);
    case Activation::kGeluErf:
      return backward_of<Activation::kGeluErf>(shape, x, bias, dy, dx, dbias);
    case Activation::kRelu:
      return backward_of<Activation::kRelu>(shape, x, bias, dy, dx, dbias);
  }
}

template <typename T>
void swiglu_forward(const SwigluShape& shape, const T* gate, const T* up, T* y) {
  swiglu_rows(shape, gate, up, y);
}

template <typename T>
void swiglu_backward(const SwigluShape& shape, const T* gate, const T* up, const T* dy, T* dgate,
                     T* dup) {
  swiglu_gradient_rows(shape, gate, up, dy, dgate, dup);
}

#define STEPCAST_INSTANTIATE(T)                                                               \
  template void activation_forward(const ActivationShape&, const T*, const T*, T*);           \
  template void activation_backward(const ActivationShape&, const T*, const T*, const T*, T*, \
                                    float*);                                                  \
  template void swiglu_forward(const SwigluShape&, const T*, const T*, T*);                   \
  template void swiglu_backward(const SwigluShape&, const T*, const T*, const T*, T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
