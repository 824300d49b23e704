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

/// Sums of squares of a tensor of weights, and of the direction in which LAMB would move it.
struct LambNorms {
  double weights = 0;
  double direction = 0;
};

namespace cpu {

/// Updates weights and both moments.
void adam(const Adam& settings, std::int64_t n, const float* gradient, float* weights,
          float* moment1, float* moment2);

/// LAMB [You et al. 2020, algorithm 2], for one tensor or a rank's share of it. First the moments
/// of Adam and the direction u = m / (sqrt(v) + epsilon) + weight_decay * w, both corrected for
/// bias; learning_rate is not used. Returns the sums of squares of w and u: shares of a tensor are
/// added up over its ranks.
LambNorms lamb_direction(const Adam& settings, std::int64_t n, const float* gradient,
                         const float* weights, float* moment1, float* moment2, float* direction);

/// Then w -= step * direction, step = learning_rate * trust_ratio(norms of the whole tensor).
void lamb_apply(float step, std::int64_t n, const float* direction, float* weights);

/// Updates weights and the momentum u. Momentum 0 still writes u.
void sgd(const Sgd& settings, std::int64_t n, const float* gradient, float* weights, float* u);

/// Sum of squares in fp64: shards add up to the square of the global gradient norm.
template <typename T>
double sum_of_squares(std::int64_t n, const T* gradient);

}  // namespace cpu

/// Norm of the weights over that of the direction; 1 when either is 0.
float trust_ratio(const LambNorms& norms);

/// What to multiply a gradient of this norm by, so that its norm is at most max_norm. 1 when it
/// already is; PyTorch's clip_grad_norm_: max_norm / (norm + 1e-6).
float clip_factor(double norm, double max_norm);

}  // namespace stepcast
