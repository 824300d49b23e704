#include <cmath>

#include "kernels/ops/each.h"
#include "kernels/ops/optimizer.h"
#include "kernels/ops/reduce.h"

namespace stepcast::cuda {
namespace {

/// Of Adam, computed once on the host.
struct AdamFactors {
  float learning_rate, beta1, beta2, epsilon, decay, weight_decay, gradient_scale;
  float correction1, correction2;  ///< 1 / (1 - beta^step)

  explicit AdamFactors(const Adam& s)
      : learning_rate(s.learning_rate),
        beta1(s.beta1),
        beta2(s.beta2),
        epsilon(s.epsilon),
        decay(1 - s.learning_rate * s.weight_decay),
        weight_decay(s.weight_decay),
        gradient_scale(s.gradient_scale),
        correction1(correction(s.beta1, s.step)),
        correction2(correction(s.beta2, s.step)) {}

  static float correction(float beta, std::int64_t step) {
    return static_cast<float>(1 /
                              (1 - std::pow(static_cast<double>(beta), static_cast<double>(step))));
  }

  /// Updates the moments of an element; its corrected m / (sqrt(v) + epsilon).
  __device__ float direction(float gradient, float& moment1, float& moment2) const {
    moment1 = beta1 * moment1 + (1 - beta1) * gradient;
    moment2 = beta2 * moment2 + (1 - beta2) * gradient * gradient;
    return moment1 * correction1 / (sqrtf(moment2 * correction2) + epsilon);
  }
};

__device__ __forceinline__ float factor_of(const Clip& clip) {
  if (clip.square == nullptr || clip.largest_norm <= 0) return 1;
  const double factor = clip.largest_norm / sqrt(static_cast<double>(*clip.square));
  return factor < 1 ? static_cast<float>(factor) : 1.0F;
}

template <typename G, typename C>
struct AdamBody {
  AdamFactors factors;
  Clip clip;
  const G* gradient;
  float *weights, *moment1, *moment2;
  C* copy;
  template <int N>
  __device__ void run(std::int64_t i) const {
    const float scale = factors.gradient_scale * factor_of(clip);
    float g[N], w[N], m[N], v[N];
    load<N>(gradient + i, g);
    load<N>(weights + i, w);
    load<N>(moment1 + i, m);
    load<N>(moment2 + i, v);
    for (int j = 0; j < N; ++j)
      w[j] = w[j] * factors.decay -
             factors.learning_rate * factors.direction(scale * g[j], m[j], v[j]);
    save<N>(weights + i, w);
    save<N>(moment1 + i, m);
    save<N>(moment2 + i, v);
    if (copy != nullptr) save<N>(copy + i, w);
  }
};

template <typename G, typename C>
struct SgdBody {
  Sgd settings;
  Clip clip;
  const G* gradient;
  float *weights, *u;
  C* copy;
  template <int N>
  __device__ void run(std::int64_t i) const {
    const float scale = settings.gradient_scale * factor_of(clip);
    float g[N], w[N], momentum[N];
    load<N>(gradient + i, g);
    load<N>(weights + i, w);
    load<N>(u + i, momentum);
    for (int j = 0; j < N; ++j) {
      momentum[j] = settings.momentum * momentum[j] + scale * g[j] + settings.weight_decay * w[j];
      w[j] -= settings.learning_rate * momentum[j];
    }
    save<N>(weights + i, w);
    save<N>(u + i, momentum);
    if (copy != nullptr) save<N>(copy + i, w);
  }
};

struct LambBody {
  AdamFactors factors;
  const float *gradient, *weights;
  float *moment1, *moment2, *direction;
  template <int N>
  __device__ void run(std::int64_t i) const {
    float g[N], w[N], m[N], v[N];
    load<N>(gradient + i, g);
    load<N>(weights + i, w);
    load<N>(moment1 + i, m);
    load<N>(moment2 + i, v);
    for (int j = 0; j < N; ++j)
      g[j] = factors.direction(factors.gradient_scale * g[j], m[j], v[j]) +
             factors.weight_decay * w[j];
    save<N>(moment1 + i, m);
    save<N>(moment2 + i, v);
    save<N>(direction + i, g);
  }
};

struct LambApplyBody {
  float learning_rate;
  const float* norms;  ///< of weights and direction
  const float* direction;
  float* weights;
  template <int N>
  __device__ void run(std::int64_t i) const {
    const float ratio = norms[0] == 0 || norms[1] == 0 ? 1 : sqrtf(norms[0] / norms[1]);
    const float step = learning_rate * ratio;
    float w[N], d[N];
    load<N>(weights + i, w);
    load<N>(direction + i, d);
    for (int j = 0; j < N; ++j) w[j] -= step * d[j];
    save<N>(weights + i, w);
  }
};

template <typename G>
struct ClipBody {
  const float* square;
  double largest_norm;
  G* x;
  template <int N>
  __device__ void run(std::int64_t i) const {
    const double factor = largest_norm / (sqrt(static_cast<double>(*square)) + 1e-6);
    if (factor >= 1) return;
    float values[N];
    load<N>(x + i, values);
    for (int j = 0; j < N; ++j) values[j] *= static_cast<float>(factor);
    save<N>(x + i, values);
  }
};

/// Each block leaves the sum of its packs. Sums of a thread's pack are fp32 products in fp64.
template <int N, typename G>
__global__ void __launch_bounds__(kThreads)
    squares_kernel(std::int64_t n, const G* gradient, double* partial) {
  double sum = 0;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads * N;
  for (std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * N; i < n;
       i += step) {
    if (i + N <= n) {
      float values[N];
      load<N>(gradient + i, values);
      // Eight squares in fp32 err by less than one rounding of theirs; fp64 sums are slow on some
      // devices.
      float squares = 0;
      for (int j = 0; j < N; ++j) squares += values[j] * values[j];
      sum += squares;
    } else {
      for (std::int64_t j = i; j < n; ++j) {
        const float value = to_float(gradient[j]);
        sum += value * value;
      }
    }
  }
  sum = over_block(sum, Sum{});
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

__global__ void __launch_bounds__(kThreads)
    add_partial_kernel(int blocks, const double* partial, bool add, double* sum) {
  double total = 0;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += kThreads) total += partial[i];
  total = over_block(total, Sum{});
  if (threadIdx.x == 0) *sum = add ? *sum + total : total;
}

struct StoreBody {
  const double* from;
  bool add;
  float* to;
  __device__ void operator()(std::int64_t /*i*/) const {
    *to = static_cast<float>(add ? *to + *from : *from);
  }
};

}  // namespace

template <typename G, typename C>
void adam(const Adam& settings, const Clip& clip, std::int64_t n, const G* gradient, float* weights,
          float* moment1, float* moment2, C* copy, DeviceContext& context) {
  const bool vectors = aligned(gradient) && aligned(weights) && aligned(moment1) &&
                       aligned(moment2) && aligned(copy);
  each_element<kWidest<G, C>>(
      n, vectors,
      AdamBody<G, C>{AdamFactors(settings), clip, gradient, weights, moment1, moment2, copy},
      context.stream());
}

template <typename G, typename C>
void sgd(const Sgd& settings, const Clip& clip, std::int64_t n, const G* gradient, float* weights,
         float* u, C* copy, DeviceContext& context) {
  each_element<kWidest<G, C>>(
      n, aligned(gradient) && aligned(weights) && aligned(u) && aligned(copy),
      SgdBody<G, C>{settings, clip, gradient, weights, u, copy}, context.stream());
}

void lamb_direction(const Adam& settings, std::int64_t n, const float* gradient,
                    const float* weights, float* moment1, float* moment2, float* direction,
                    float* norms, DeviceContext& context) {
  const bool vectors = aligned(gradient) && aligned(weights) && aligned(moment1) &&
                       aligned(moment2) && aligned(direction);
  each_element<4>(n, vectors,
                  LambBody{AdamFactors(settings), gradient, weights, moment1, moment2, direction},
                  context.stream());
  auto* const sums =
      reinterpret_cast<double*>(context.scratch(2 * sizeof(double), ScratchUse::kResult));
  sum_of_squares(n, weights, false, &sums[0], context);
  sum_of_squares<float>(n, direction, false, &sums[1], context);
  store_rounded(&sums[0], false, &norms[0], context);
  store_rounded(&sums[1], false, &norms[1], context);
}

void lamb_apply(float learning_rate, const float* norms, std::int64_t n, const float* direction,
                float* weights, DeviceContext& context) {
  each_element<4>(n, aligned(direction) && aligned(weights),
                  LambApplyBody{learning_rate, norms, direction, weights}, context.stream());
}

template <typename G>
void sum_of_squares(std::int64_t n, const G* gradient, bool add, double* sum,
                    DeviceContext& context) {
  constexpr int kWidth = kWidest<G>;
  const std::int64_t most = context.facts().multiprocessors * 8;
  const std::int64_t wanted = (n + kThreads * kWidth - 1) / (kThreads * kWidth);
  const auto blocks = static_cast<unsigned>(wanted < 1 ? 1 : wanted < most ? wanted : most);
  auto* const partial = reinterpret_cast<double*>(context.scratch(blocks * sizeof(double)));
  launch(aligned(gradient) ? squares_kernel<kWidth, G> : squares_kernel<1, G>, dim3(blocks),
         dim3(kThreads), 0, context.stream(), n, gradient, partial);
  launch(add_partial_kernel, dim3(1), dim3(kThreads), 0, context.stream(), static_cast<int>(blocks),
         partial, add, sum);
}

void store_rounded(const double* from, bool add, float* to, DeviceContext& context) {
  each(1, StoreBody{from, add, to}, context.stream());
}

template <typename G>
void clip_gradient(std::int64_t n, const float* square, double largest_norm, G* x,
                   DeviceContext& context) {
  each_element<kWidest<G>>(n, aligned(x), ClipBody<G>{square, largest_norm, x}, context.stream());
}

#define STEPCAST_OF(G, C)                                                                          \
  template void adam(const Adam&, const Clip&, std::int64_t, const G*, float*, float*, float*, C*, \
                     DeviceContext&);                                                              \
  template void sgd(const Sgd&, const Clip&, std::int64_t, const G*, float*, float*, C*,           \
                    DeviceContext&);
STEPCAST_OF(float, float)
STEPCAST_OF(float, Bf16)
STEPCAST_OF(float, Fp16)
STEPCAST_OF(Bf16, Bf16)
STEPCAST_OF(Fp16, Fp16)
#define STEPCAST_NORM_OF(G)                                                            \
  template void sum_of_squares(std::int64_t, const G*, bool, double*, DeviceContext&); \
  template void clip_gradient(std::int64_t, const float*, double, G*, DeviceContext&);
STEPCAST_NORM_OF(float)
STEPCAST_NORM_OF(Bf16)
STEPCAST_NORM_OF(Fp16)

}  // namespace stepcast::cuda
