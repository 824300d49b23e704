#include "kernels/cpu/optimizer.h"

#include <cmath>

#include "kernels/cpu/element.h"

namespace stepcast {
namespace cpu {
namespace {

/// 1 / (1 - beta^step): undoes the pull of moments that began at 0.
float bias_correction(float beta, std::int64_t step) {
  return static_cast<float>(1 /
                            (1 - std::pow(static_cast<double>(beta), static_cast<double>(step))));
}

struct AdamFactors {
  float correction1, correction2, decay;
};

AdamFactors factors(const Adam& settings) {
  return {.correction1 = bias_correction(settings.beta1, settings.step),
          .correction2 = bias_correction(settings.beta2, settings.step),
          .decay = 1 - settings.learning_rate * settings.weight_decay};
}

/// Updates the moments of an element; returns its corrected m / (sqrt(v) + epsilon).
STEPCAST_INLINE float adam_direction(const Adam& s, AdamFactors f, float gradient, float& moment1,
                                     float& moment2) {
  const float g = s.gradient_scale * gradient;
  moment1 = s.beta1 * moment1 + (1 - s.beta1) * g;
  moment2 = s.beta2 * moment2 + (1 - s.beta2) * g * g;
  return moment1 * f.correction1 / (std::sqrt(moment2 * f.correction2) + s.epsilon);
}

STEPCAST_VECTORIZED void adam_all(const Adam& s, AdamFactors f, std::int64_t n,
                                  const float* gradient, float* weights, float* moment1,
                                  float* moment2) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float direction = adam_direction(s, f, gradient[i], moment1[i], moment2[i]);
    weights[i] = weights[i] * f.decay - s.learning_rate * direction;
  }
}

STEPCAST_VECTORIZED void sgd_all(const Sgd& s, std::int64_t n, const float* gradient,
                                 float* weights, float* u) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = s.gradient_scale * gradient[i] + s.weight_decay * weights[i];
    u[i] = s.momentum * u[i] + g;
    weights[i] -= s.learning_rate * u[i];
  }
}

STEPCAST_VECTORIZED void lamb_all(const Adam& s, AdamFactors f, std::int64_t n,
                                  const float* gradient, const float* weights, float* moment1,
                                  float* moment2, float* direction) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i)
    direction[i] =
        adam_direction(s, f, gradient[i], moment1[i], moment2[i]) + s.weight_decay * weights[i];
}

STEPCAST_VECTORIZED void subtract_scaled(float step, std::int64_t n, const float* x, float* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] -= step * x[i];
}

template <typename T>
STEPCAST_VECTORIZED double squares(std::int64_t n, const T* gradient) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) {
    const double g = widened(gradient[i]);
    sum += g * g;
  }
  return sum;
}

}  // namespace

void adam(const Adam& settings, std::int64_t n, const float* gradient, float* weights,
          float* moment1, float* moment2) {
  adam_all(settings, factors(settings), n, gradient, weights, moment1, moment2);
}

LambNorms lamb_direction(const Adam& settings, std::int64_t n, const float* gradient,
                         const float* weights, float* moment1, float* moment2, float* direction) {
  lamb_all(settings, factors(settings), n, gradient, weights, moment1, moment2, direction);
  return {.weights = squares(n, weights), .direction = squares(n, direction)};
}

void lamb_apply(float step, std::int64_t n, const float* direction, float* weights) {
  subtract_scaled(step, n, direction, weights);
}

void sgd(const Sgd& settings, std::int64_t n, const float* gradient, float* weights, float* u) {
  sgd_all(settings, n, gradient, weights, u);
}

template <typename T>
double sum_of_squares(std::int64_t n, const T* gradient) {
  return squares(n, gradient);
}

template double sum_of_squares(std::int64_t, const float*);
template double sum_of_squares(std::int64_t, const Bf16*);
template double sum_of_squares(std::int64_t, const Fp16*);

}  // namespace cpu

float trust_ratio(const LambNorms& norms) {
  if (norms.weights == 0 || norms.direction == 0) return 1;
  return static_cast<float>(std::sqrt(norms.weights / norms.direction));
}

float clip_factor(double norm, double max_norm) {
  const double factor = max_norm / (norm + 1e-6);
  return factor < 1 ? static_cast<float>(factor) : 1.0f;
}

}  // namespace stepcast
