// Optimizer updates on flat buffers of n parameters, and the norm of the gradient. Parameters,
// moments and gradients are fp32; no kernel changes the gradient unless it says so.
#pragma once

#include <cstdint>

namespace stepcast {

/// Loshchilov and Hutter 2019, algorithm 2 (AdamW). `step` counts from 1.
struct Adam {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0;    ///< decoupled: w -= learning_rate * weight_decay * w
  float gradient_scale = 1;  ///< the gradient is read as gradient_scale * g: clipping, loss scale
  std::int64_t step = 1;
};

/// Momentum as in PyTorch: u = momentum * u + g, w -= learning_rate * u; weight decay adds to g.
struct Sgd {
  float learning_rate = 1e-2f;
  float momentum = 0.9f;
  float weight_decay = 0;
  float gradient_scale = 1;
};

namespace cpu {

/// Updates weights and both moments.
void adam(const Adam& settings, std::int64_t n, const float* gradient, float* weights,
          float* moment1, float* moment2);

/// Updates weights and the momentum u. Momentum 0 still writes u.
void sgd(const Sgd& settings, std::int64_t n, const float* gradient, float* weights, float* u);

/// Sum of squares in fp64: shards add up to the square of the global gradient norm.
template <typename T>
double sum_of_squares(std::int64_t n, const T* gradient);

}  // namespace cpu

/// What to multiply a gradient of this norm by, so that its norm is at most max_norm. 1 when it
/// already is; PyTorch's clip_grad_norm_: max_norm / (norm + 1e-6).
float clip_factor(double norm, double max_norm);

}  // namespace stepcast
