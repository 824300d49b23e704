// Optimizer updates on flat buffers of a GPU, and the norm of the gradient: kernels/cpu/optimizer.h
// says what they compute. Weights, moments and directions are fp32; gradients are G = float, Bf16
// or Fp16. Factors that depend on the norm are computed on the device, so that no step waits for
// the host.
#pragma once

#include "kernels/cpu/optimizer.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// Multiplies the gradient by min(1, clip / norm), `square` being the square of the norm, in device
/// memory. Null: not clipped.
struct Clip {
  const float* square = nullptr;
  double largest_norm = 0;
};

/// Updates weights and both moments. `copy`, unless it is null, gets the weights rounded to C: what
/// products of a 16-bit training read.
template <typename G, typename C>
void adam(const Adam& settings, const Clip& clip, std::int64_t n, const G* gradient, float* weights,
          float* moment1, float* moment2, C* copy, DeviceContext& context);

/// Updates weights and the momentum u. Momentum 0 still writes u.
template <typename G, typename C>
void sgd(const Sgd& settings, const Clip& clip, std::int64_t n, const G* gradient, float* weights,
         float* u, C* copy, DeviceContext& context);

/// The moments of Adam and the direction of LAMB. `norms` (2), in device memory, gets the sums of
/// squares of weights and direction, rounded: shares of a tensor are added up over its ranks.
void lamb_direction(const Adam& settings, std::int64_t n, const float* gradient,
                    const float* weights, float* moment1, float* moment2, float* direction,
                    float* norms, DeviceContext& context);

/// w -= learning_rate * trust ratio of the norms (of the whole tensor) * direction.
void lamb_apply(float learning_rate, const float* norms, std::int64_t n, const float* direction,
                float* weights, DeviceContext& context);

/// *sum, a double in device memory, = or += the sum of squares, taken in fp64 and always in the
/// same order.
template <typename G>
void sum_of_squares(std::int64_t n, const G* gradient, bool add, double* sum,
                    DeviceContext& context);

/// *to = or += *from.
void store_rounded(const double* from, bool add, float* to, DeviceContext& context);

/// x *= factor of clipping (clip_factor() of kernels/cpu/optimizer.h), from the square of the norm.
template <typename G>
void clip_gradient(std::int64_t n, const float* square, double largest_norm, G* x,
                   DeviceContext& context);

}  // namespace stepcast::cuda
