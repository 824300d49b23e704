#include "kernels/reference/optimizer.h"

#include <cmath>

namespace stepcast::reference {

template <typename T>
void adam(const Adam& settings, std::int64_t n, const T* gradient, T* weights, T* moment1,
          T* moment2) {
  const double beta1 = settings.beta1, beta2 = settings.beta2;
  const auto step = static_cast<double>(settings.step);
  for (std::int64_t i = 0; i < n; ++i) {
    const double g = static_cast<double>(settings.gradient_scale) * gradient[i];
    const double m = beta1 * moment1[i] + (1 - beta1) * g;
    const double v = beta2 * moment2[i] + (1 - beta2) * g * g;
    const double m_hat = m / (1 - std::pow(beta1, step)), v_hat = v / (1 - std::pow(beta2, step));
    const double direction = m_hat / (std::sqrt(v_hat) + settings.epsilon) +
                             static_cast<double>(settings.weight_decay) * weights[i];
    weights[i] = static_cast<T>(weights[i] - settings.learning_rate * direction);
    moment1[i] = static_cast<T>(m);
    moment2[i] = static_cast<T>(v);
  }
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
  template void sgd(const Sgd&, std::int64_t, const T*, T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
