#include "kernels/reference/optimizer.h"

#include <cmath>
#include <vector>

namespace stepcast::reference {

namespace {

/// Updates the moments; returns m / (sqrt(v) + epsilon) + weight_decay * w, both corrected.
template <typename T>
double adam_direction(const Adam& settings, double gradient, double weight, T& moment1,
                      T& moment2) {
  const double beta1 = settings.beta1, beta2 = settings.beta2;
  const auto step = static_cast<double>(settings.step);
  const double g = settings.gradient_scale * gradient;
  const double m = beta1 * moment1 + (1 - beta1) * g;
  const double v = beta2 * moment2 + (1 - beta2) * g * g;
  moment1 = static_cast<T>(m);
  moment2 = static_cast<T>(v);
  const double m_hat = m / (1 - std::pow(beta1, step)), v_hat = v / (1 - std::pow(beta2, step));
  return m_hat / (std::sqrt(v_hat) + settings.epsilon) + settings.weight_decay * weight;
}

}  // namespace

template <typename T>
void adam(const Adam& settings, std::int64_t n, const T* gradient, T* weights, T* moment1,
          T* moment2) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = adam_direction(settings, gradient[i], weights[i], moment1[i], moment2[i]);
    weights[i] = static_cast<T>(weights[i] - settings.learning_rate * u);
  }
}

template <typename T>
void lamb(const Adam& settings, std::int64_t n, const T* gradient, T* weights, T* moment1,
          T* moment2) {
  std::vector<double> direction;
  double weight_norm = 0, direction_norm = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    direction.push_back(adam_direction(settings, gradient[i], weights[i], moment1[i], moment2[i]));
    weight_norm += static_cast<double>(weights[i]) * weights[i];
    direction_norm += direction.back() * direction.back();
  }
  const double ratio = weight_norm > 0 && direction_norm > 0
                           ? std::sqrt(weight_norm) / std::sqrt(direction_norm)
                           : 1;
  for (std::int64_t i = 0; i < n; ++i)
    weights[i] = static_cast<T>(weights[i] - settings.learning_rate * ratio * direction[i]);
}

template <typename T>
void sgd(const Sgd& settings, std::int64_t n, const T* gradient, T* weights, T* u) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double g = static_cast<double>(settings.gradient_scale) * gradient[i] +
                     static_cast<double>(settings.weight_decay) * weights[i];
    const double momentum = static_cast<double>(settings.momentum) * u[i] + g;
    weights[i] = static_cast<T>(weights[i] - settings.learning_rate * momentum);
    u[i] = static_cast<T>(momentum);
  }
}

#define STEPCAST_INSTANTIATE(T)                                        \
  template void adam(const Adam&, std::int64_t, const T*, T*, T*, T*); \
  template void lamb(const Adam&, std::int64_t, const T*, T*, T*, T*); \
  template void sgd(const Sgd&, std::int64_t, const T*, T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
