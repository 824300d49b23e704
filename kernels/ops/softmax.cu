#include <cmath>

#include "kernels/ops/rows.h"
#include "kernels/ops/softmax.h"

namespace stepcast::cuda {
namespace {

__device__ __forceinline__ std::int64_t seen_by(const SoftmaxShape& shape, std::int64_t row) {
  if (!shape.causal) return shape.keys;
  const std::int64_t count = row % shape.queries + shape.keys - shape.queries + 1;
  return count < 0 ? 0 : count;
}

/// Values of a pack; those that are not seen become `hidden`.
template <int N, typename T>
__device__ __forceinline__ void load_seen(const T* row, std::int64_t col, std::int64_t seen,
                                          float hidden, float (&values)[N]) {
  load<N>(row + col, values);
  for (int i = 0; i < N; ++i)
    if (col + i >= seen) values[i] = hidden;
}

template <int N, typename T>
__global__ void __launch_bounds__(kMostRowThreads)
    forward_kernel(SoftmaxShape shape, const T* scores, T* p) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t seen = seen_by(shape, row);
  const T* const from = scores + row * shape.keys;
  float largest = -INFINITY, sum = 0;
  for_packs<N>(seen, [&](std::int64_t col) {
    float values[N];
    load_seen<N>(from, col, seen, -INFINITY, values);
    float here = largest;
    for (int i = 0; i < N; ++i) here = fmaxf(here, shape.scale * values[i]);
    largest = here;
  });
  largest = over_block(largest, Largest{});
  for_packs<N>(seen, [&](std::int64_t col) {
    float values[N];
    load_seen<N>(from, col, seen, -INFINITY, values);
    for (int i = 0; i < N; ++i)
      if (col + i < seen) sum += expf(shape.scale * values[i] - largest);
  });
  const float inverse = 1 / over_block(sum, Sum{});
  for_packs<N>(shape.keys, [&](std::int64_t col) {
    float values[N] = {};
    if (col < seen) load_seen<N>(from, col, seen, 0, values);
    for (int i = 0; i < N; ++i)
      values[i] = col + i < seen ? expf(shape.scale * values[i] - largest) * inverse : 0;
    save<N>(p + row * shape.keys + col, values);
  });
}

template <int N, typename T>
__global__ void __launch_bounds__(kMostRowThreads)
    backward_kernel(SoftmaxShape shape, const T* p, const T* dp, T* dscores) {
  const std::int64_t row = blockIdx.x, first = row * shape.keys;
  const std::int64_t seen = seen_by(shape, row);
  float mean = 0;
  for_packs<N>(seen, [&](std::int64_t col) {
    float weights[N], gradients[N];
    load_seen<N>(p + first, col, seen, 0, weights);
    load_seen<N>(dp + first, col, seen, 0, gradients);
    for (int i = 0; i < N; ++i) mean += weights[i] * gradients[i];
  });
  mean = over_block(mean, Sum{});
  for_packs<N>(shape.keys, [&](std::int64_t col) {
    float weights[N] = {}, gradients[N] = {};
    if (col < seen) {
      load_seen<N>(p + first, col, seen, 0, weights);
      load_seen<N>(dp + first, col, seen, 0, gradients);
    }
    for (int i = 0; i < N; ++i) gradients[i] = shape.scale * weights[i] * (gradients[i] - mean);
    save<N>(dscores + first + col, gradients);
  });
}

/// A block per row, and packs where rows begin at multiples of 16 bytes.
template <typename Wide, typename Narrow, typename T, typename... Arguments>
void over_rows(Wide wide, Narrow narrow, const SoftmaxShape& shape, bool vectors, const T* a,
               DeviceContext& context, Arguments... rest) {
  constexpr int kWidth = kWidest<T>;
  const dim3 rows(static_cast<unsigned>(shape.matrices * shape.queries));
  if (vectors && aligned(a) && shape.keys % kWidth == 0)
    launch(wide, rows, row_threads(shape.keys, kWidth), 0, context.stream(), shape, a, rest...);
  else
    launch(narrow, rows, row_threads(shape.keys, 1), 0, context.stream(), shape, a, rest...);
}

}  // namespace

template <typename T>
void softmax_forward(const SoftmaxShape& shape, const T* scores, T* p, DeviceContext& context) {
  over_rows(forward_kernel<kWidest<T>, T>, forward_kernel<1, T>, shape, aligned(p), scores, context,
            p);
}

template <typename T>
void softmax_backward(const SoftmaxShape& shape, const T* p, const T* dp, T* dscores,
                      DeviceContext& context) {
  over_rows(backward_kernel<kWidest<T>, T>, backward_kernel<1, T>, shape,
            aligned(dp) && aligned(dscores), p, context, dp, dscores);
}

#define STEPCAST_OF(T)                                                              \
  template void softmax_forward(const SoftmaxShape&, const T*, T*, DeviceContext&); \
  template void softmax_backward(const SoftmaxShape&, const T*, const T*, T*, DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
