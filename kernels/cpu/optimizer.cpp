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

STEPCAST_VECTORIZED void adam_all(const Adam& s, AdamFactors f, std::int64_t n,
                                  const float* gradient, float* weights, float* moment1,
                                  float* moment2) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = s.gradient_scale * gradient[i];
    const float m = moment1[i] = s.beta1 * moment1[i] + (1 - s.beta1) * g;
    const float v = moment2[i] = s.beta2 * moment2[i] + (1 - s.beta2) * g * g;
    const float direction = m * f.correction1 / (std::sqrt(v * f.correction2) + s.epsilon);
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
  adam_all(settings,
           {.correction1 = bias_correction(settings.beta1, settings.step),
            .correction2 = bias_correction(settings.beta2, settings.step),
            .decay = 1 - settings.learning_rate * settings.weight_decay},
           n, gradient, weights, moment1, moment2);
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

}  // namespace cpu

float clip_factor(double norm, double max_norm) {
  const double factor = max_norm / (norm + 1e-6);
  return factor < 1 ? static_cast<float>(factor) : 1.0f;
}

}  // namespace stepcast
