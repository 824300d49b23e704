#include <cfloat>
#include <cmath>

#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/each.h"
#include "kernels/ops/rows.h"

namespace stepcast::cuda {
namespace {

/// Logits of a pack with their bias.
template <int N, typename T>
__device__ __forceinline__ void load_logits(const T* row, const T* bias, std::int64_t col,
                                            float (&values)[N]) {
  load<N>(row + col, values);
  if (bias == nullptr) return;
  float shifts[N];
  load<N>(bias + col, shifts);
  for (int i = 0; i < N; ++i) values[i] += shifts[i];
}

template <int N, typename T>
__device__ float largest_of_row(std::int64_t words, const T* row, const T* bias) {
  float largest = -FLT_MAX;
  for_packs<N>(words, [&](std::int64_t col) {
    float values[N];
    load_logits<N>(row, bias, col, values);
    float here = largest;
    for (int i = 0; i < N; ++i)
      if (col + i < words) here = fmaxf(here, values[i]);
    largest = here;
  });
  return over_block(largest, Largest{});
}

template <int N, typename T>
__global__ void __launch_bounds__(kMostRowThreads)
    maxima_kernel(std::int64_t words, std::int64_t stride, const T* logits, const T* bias,
                  float* maxima) {
  const float largest = largest_of_row<N>(words, logits + blockIdx.x * stride, bias);
  if (threadIdx.x == 0) maxima[blockIdx.x] = largest;
}

template <typename T, typename E>
struct ExpArguments {
  CrossEntropyShape shape;
  std::int64_t words;
  const T *logits, *bias;
  const std::int32_t* targets;
  const float* maxima;
  float* own_maxima;
  E* exponentials;
  float *sums, *picked;
};

template <int N, typename T, typename E>
__global__ void __launch_bounds__(kMostRowThreads) exp_kernel(ExpArguments<T, E> a) {
  const std::int64_t t = blockIdx.x, columns = a.shape.last - a.shape.first;
  const T* const row = a.logits + t * columns;
  const float largest = a.maxima != nullptr ? a.maxima[t] : largest_of_row<N>(a.words, row, a.bias);
  // Before the target's logit is overwritten, where exponentials are logits.
  if (threadIdx.x == 0) {
    const std::int32_t target = a.targets[t];
    const bool held = target >= a.shape.first && target < a.shape.last;
    const std::int64_t at = target - a.shape.first;
    float picked = 0;
    if (held) picked = to_float(row[at]) + (a.bias != nullptr ? to_float(a.bias[at]) : 0) - largest;
    a.picked[t] = picked;
    if (a.own_maxima != nullptr) a.own_maxima[t] = largest;
  }
  __syncthreads();
  float sum = 0;
  for_packs<N>(columns, [&](std::int64_t col) {
    float values[N];
    load_logits<N>(row, a.bias, col, values);
    for (int i = 0; i < N; ++i) {
      values[i] = col + i < a.words ? expf(values[i] - largest) : 0;
      sum += values[i];
    }
    save<N>(a.exponentials + t * columns + col, values);
  });
  sum = over_block(sum, Sum{});
  if (threadIdx.x == 0) a.sums[t] = sum;
}

template <typename T, typename E>
struct GradientBody {
  CrossEntropyShape shape;
  const E* exponentials;
  const std::int32_t* targets;
  const float* sums;
  float scale;
  T* dlogits;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    const std::int32_t target = targets[row];
    const std::int64_t at = row * (shape.last - shape.first) + col;
    const float by = target < 0 ? 0 : scale;
    const float inverse = by / sums[row];
    const std::int64_t own = target - shape.first - col;
    float values[N];
    load<N>(exponentials + at, values);
    for (int i = 0; i < N; ++i) {
      values[i] = target < 0 ? 0 : values[i] * inverse;
      if (i == own && target >= 0) values[i] -= by;
    }
    save<N>(dlogits + at, values);
  }
};

struct LossBody {
  const std::int32_t* targets;
  const float *sums, *picked;
  float* losses;
  __device__ void operator()(std::int64_t t) const {
    losses[t] = targets[t] < 0 ? 0 : logf(sums[t]) - picked[t];
  }
};

constexpr int kLossThreads = 1024;

__global__ void __launch_bounds__(kLossThreads)
    loss_kernel(std::int64_t tokens, const float* sums, const float* picked, double scale, bool add,
                float* loss) {
  double sum = 0;
  for (std::int64_t t = threadIdx.x; t < tokens; t += kLossThreads)
    sum += log(static_cast<double>(sums[t])) - static_cast<double>(picked[t]);
  sum = scale * over_block(sum, Sum{});
  if (threadIdx.x == 0) *loss = static_cast<float>(add ? *loss + sum : sum);
}

}  // namespace

template <typename T>
void row_maxima(const CrossEntropyShape& shape, std::int64_t words, std::int64_t stride,
                const T* logits, const T* bias, float* maxima, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  // The last pack may reach beyond the words, not beyond the row.
  const bool vectors =
      aligned(logits) && aligned(bias) && stride % kWidth == 0 && shape.columns() % kWidth == 0;
  launch(vectors ? maxima_kernel<kWidth, T> : maxima_kernel<1, T>,
         dim3(static_cast<unsigned>(shape.tokens)), row_threads(words, vectors ? kWidth : 1), 0,
         context.stream(), words, stride, logits, bias, maxima);
}

template <typename T, typename E>
void exp_rows(const CrossEntropyShape& shape, std::int64_t words, const T* logits, const T* bias,
              const std::int32_t* targets, const float* maxima, float* own_maxima, E* exponentials,
              float* sums, float* picked, DeviceContext& context) {
  constexpr int kWidth = kWidest<T, E>;
  const bool vectors =
      aligned(logits) && aligned(bias) && aligned(exponentials) && shape.columns() % kWidth == 0;
  launch(vectors ? exp_kernel<kWidth, T, E> : exp_kernel<1, T, E>,
         dim3(static_cast<unsigned>(shape.tokens)),
         row_threads(shape.columns(), vectors ? kWidth : 1), 0, context.stream(),
         ExpArguments<T, E>{shape, words, logits, bias, targets, maxima, own_maxima, exponentials,
                            sums, picked});
}

template <typename T, typename E>
void cross_entropy_gradient(const CrossEntropyShape& shape, const E* exponentials,
                            const std::int32_t* targets, const float* sums, float scale, T* dlogits,
                            DeviceContext& context) {
  each_in_rows<kWidest<T, E>>(
      shape.tokens, shape.columns(), aligned(exponentials) && aligned(dlogits),
      GradientBody<T, E>{shape, exponentials, targets, sums, scale, dlogits}, context.stream());
}

void losses(const CrossEntropyShape& shape, const std::int32_t* targets, const float* sums,
            const float* picked, float* losses, DeviceContext& context) {
  each(shape.tokens, LossBody{targets, sums, picked, losses}, context.stream());
}

void sum_of_losses(std::int64_t tokens, const float* sums, const float* picked, double scale,
                   bool add, float* loss, DeviceContext& context) {
  launch(loss_kernel, dim3(1), dim3(kLossThreads), 0, context.stream(), tokens, sums, picked, scale,
         add, loss);
}

#define STEPCAST_OF(T)                                                                     \
  template void row_maxima(const CrossEntropyShape&, std::int64_t, std::int64_t, const T*, \
                           const T*, float*, DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)
#define STEPCAST_EXPONENTIALS_OF(T, E)                                                          \
  template void exp_rows(const CrossEntropyShape&, std::int64_t, const T*, const T*,            \
                         const std::int32_t*, const float*, float*, E*, float*, float*,         \
                         DeviceContext&);                                                       \
  template void cross_entropy_gradient(const CrossEntropyShape&, const E*, const std::int32_t*, \
                                       const float*, float, T*, DeviceContext&);
STEPCAST_EXPONENTIALS_OF(float, float)
STEPCAST_EXPONENTIALS_OF(Bf16, Bf16)
STEPCAST_EXPONENTIALS_OF(Fp16, Fp16)
STEPCAST_EXPONENTIALS_OF(Bf16, float)
STEPCAST_EXPONENTIALS_OF(Fp16, float)

}  // namespace stepcast::cuda
