#include "kernels/reference/activation.h"

#include <cmath>
#include <numbers>

namespace stepcast::reference {
namespace {

constexpr double kSqrt2OverPi = 0.79788456080286535588;

/// Value and derivative, as the definitions have them.
struct Point {
  double value;
  double slope;
};

Point gelu_tanh(double x) {
  const double t = std::tanh(kSqrt2OverPi * (x + 0.044715 * x * x * x));
  const double inner_slope = kSqrt2OverPi * (1 + 3 * 0.044715 * x * x);
  return {x / 2 * (1 + t), (1 + t) / 2 + x / 2 * (1 - t * t) * inner_slope};
}

Point gelu_erf(double x) {
  const double cdf = (1 + std::erf(x / std::numbers::sqrt2)) / 2;
  const double density = std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  return {x * cdf, cdf + x * density};
}

Point activation(Activation kind, double x) {
  switch (kind) {
    case Activation::kGeluTanh:
      return gelu_tanh(x);
    case Activation::kGeluErf:
      return gelu_erf(x);
    case Activation::kRelu:
      return {x > 0 ? x : 0.0, x > 0 ? 1.0 : 0.0};
  }
  return {};
}

Point silu(double x) {
  const double s = 1 / (1 + std::exp(-x));
  return {x * s, s + x * s * (1 - s)};
}

}  // namespace

template <typename T>
void activation_forward(const ActivationShape& shape, const T* x, const T* bias, T* y) {
  for (std::int64_t i = 0; i < shape.rows * shape.cols; ++i)
    y[i] = static_cast<T>(
        activation(shape.kind, static_cast<double>(x[i]) + (bias ? bias[i % shape.cols] : 0))
            .value);
}

template <typename T>
void activation_backward(const ActivationShape& shape, const T* x, const T* bias, const T* dy,
                         T* dx, T* dbias) {
  for (std::int64_t c = 0; c < shape.cols; ++c) {
    double sum = 0;
    for (std::int64_t i = c; i < shape.rows * shape.cols; i += shape.cols) {
      const double at = static_cast<double>(x[i]) + (bias ? bias[c] : 0);
      const double d = dy[i] * activation(shape.kind, at).slope;
      dx[i] = static_cast<T>(d);
      sum += d;
    }
    if (dbias) dbias[c] = static_cast<T>(dbias[c] + sum);
  }
}

template <typename T>
void swiglu_forward(const SwigluShape& shape, const T* gate, const T* up, T* y) {
  for (std::int64_t r = 0; r < shape.rows; ++r)
    for (std::int64_t c = 0; c < shape.cols; ++c)
      y[r * shape.cols + c] =
          static_cast<T>(silu(gate[r * shape.stride + c]).value * up[r * shape.stride + c]);
}

template <typename T>
void swiglu_backward(const SwigluShape& shape, const T* gate, const T* up, const T* dy, T* dgate,
                     T* dup) {
  for (std::int64_t r = 0; r < shape.rows; ++r)
    for (std::int64_t c = 0; c < shape.cols; ++c) {
      const std::int64_t at = r * shape.stride + c;
      const double d = dy[r * shape.cols + c], u = up[at];
      const Point point = silu(gate[at]);
      dgate[at] = static_cast<T>(d * u * point.slope);
      dup[at] = static_cast<T>(d * point.value);
    }
}

#define STEPCAST_INSTANTIATE(T)                                                                    \
  template void activation_forward(const ActivationShape&, const T*, const T*, T*);                \
  template void activation_backward(const ActivationShape&, const T*, const T*, const T*, T*, T*); \
  template void swiglu_forward(const SwigluShape&, const T*, const T*, T*);                        \
  template void swiglu_backward(const SwigluShape&, const T*, const T*, const T*, T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
