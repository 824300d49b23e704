#include "kernels/ops/each.h"
#include "kernels/ops/embedding.h"

namespace stepcast::cuda {
namespace {

template <typename T>
struct LookupBody {
  EmbeddingShape shape;
  const std::int32_t* ids;
  const T* table;
  T* y;
  bool add;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    const std::int32_t id = ids[row];
    float values[N] = {};
    if (id >= shape.first && id < shape.last)
      load<N>(table + (id - shape.first) * shape.width + col, values);
    T* const at = y + row * shape.width + col;
    if (add) {
      float old[N];
      load<N>(at, old);
      for (int i = 0; i < N; ++i) values[i] += old[i];
    }
    save<N>(at, values);
  }
};

/// Adds row `token` of dy to the row of dtable; a column is always the same thread's.
template <int N, typename T>
__device__ __forceinline__ void add_row(std::int64_t width, const T* dy, float* dtable) {
  for (std::int64_t col = static_cast<std::int64_t>(threadIdx.x) * N; col < width;
       col += static_cast<std::int64_t>(kThreads) * N) {
    float values[N], sums[N];
    load<N>(dy + col, values);
    load<N>(dtable + col, sums);
    for (int i = 0; i < N; ++i) sums[i] += values[i];
    save<N>(dtable + col, sums);
  }
}

/// Whether an earlier token has the id of this one; all threads of the block look, near ones first.
__device__ bool seen_before(const std::int32_t* ids, std::int64_t token) {
  const std::int32_t id = ids[token];
  for (std::int64_t last = token - 1; last >= 0; last -= kThreads) {
    const std::int64_t at = last - threadIdx.x;
    if (__syncthreads_or(at >= 0 && ids[at] == id ? 1 : 0) != 0) return true;
  }
  return false;
}

template <int N, typename T>
__global__ void __launch_bounds__(kThreads)
    gradient_kernel(EmbeddingShape shape, const std::int32_t* ids, const T* dy, float* dtable) {
  __shared__ unsigned found[kThreads / kWarp];
  const std::int64_t token = blockIdx.x;
  const std::int32_t id = ids[token];
  if (id < shape.first || id >= shape.last || seen_before(ids, token)) return;
  float* const sums = dtable + (id - shape.first) * shape.width;
  for (std::int64_t first = token; first < shape.tokens; first += kThreads) {
    const std::int64_t at = first + threadIdx.x;
    const unsigned lanes = __ballot_sync(kAllLanes, at < shape.tokens && ids[at] == id);
    if (threadIdx.x % kWarp == 0) found[threadIdx.x / kWarp] = lanes;
    __syncthreads();
    for (int warp = 0; warp < kThreads / kWarp; ++warp)
      for (unsigned rest = found[warp]; rest != 0; rest &= rest - 1) {
        const std::int64_t next = first + warp * kWarp + __ffs(static_cast<int>(rest)) - 1;
        add_row<N>(shape.width, dy + next * shape.width, sums);
      }
    __syncthreads();
  }
}

template <typename T>
struct RepeatedBody {
  std::int64_t rows, width, first_row, period;
  const T* dy;
  float* dtable;
  /// Row of the table: all rows of dy that it was added to, in order.
  template <int N>
  __device__ void run(std::int64_t position, std::int64_t col) const {
    float sums[N];
    float* const at = dtable + position * width + col;
    load<N>(at, sums);
    const std::int64_t first = (position - first_row % period + period) % period;
    for (std::int64_t row = first; row < rows; row += period) {
      float values[N];
      load<N>(dy + row * width + col, values);
      for (int i = 0; i < N; ++i) sums[i] += values[i];
    }
    save<N>(at, sums);
  }
};

template <typename T>
struct PositionsBody {
  std::int64_t width, first_row, period;
  const T* table;
  T* y;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    float values[N], old[N];
    load<N>(table + (first_row + row) % period * width + col, values);
    load<N>(y + row * width + col, old);
    for (int i = 0; i < N; ++i) values[i] += old[i];
    save<N>(y + row * width + col, values);
  }
};

}  // namespace

template <typename T>
void embedding_forward(const EmbeddingShape& shape, const std::int32_t* ids, const T* table, T* y,
                       bool add, DeviceContext& context) {
  each_in_rows<kWidest<T>>(shape.tokens, shape.width, aligned(table) && aligned(y),
                           LookupBody<T>{shape, ids, table, y, add}, context.stream());
}

template <typename T>
void embedding_backward(const EmbeddingShape& shape, const std::int32_t* ids, const T* dy,
                        float* dtable, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const bool vectors = aligned(dy) && aligned(dtable) && shape.width % kWidth == 0;
  launch(vectors ? gradient_kernel<kWidth, T> : gradient_kernel<1, T>,
         dim3(static_cast<unsigned>(shape.tokens)), dim3(kThreads), 0, context.stream(), shape, ids,
         dy, dtable);
}

template <typename T>
void add_repeated_rows(std::int64_t rows, std::int64_t width, std::int64_t first_row,
                       std::int64_t period, const T* dy, float* dtable, DeviceContext& context) {
  each_in_rows<kWidest<T>>(period, width, aligned(dy) && aligned(dtable),
                           RepeatedBody<T>{rows, width, first_row, period, dy, dtable},
                           context.stream());
}

template <typename T>
void add_positions(std::int64_t rows, std::int64_t width, std::int64_t first_row,
                   std::int64_t period, const T* table, T* y, DeviceContext& context) {
  each_in_rows<kWidest<T>>(rows, width, aligned(table) && aligned(y),
                           PositionsBody<T>{width, first_row, period, table, y}, context.stream());
}

#define STEPCAST_OF(T)                                                                            \
  template void embedding_forward(const EmbeddingShape&, const std::int32_t*, const T*, T*, bool, \
                                  DeviceContext&);                                                \
  template void embedding_backward(const EmbeddingShape&, const std::int32_t*, const T*, float*,  \
                                   DeviceContext&);                                               \
  template void add_repeated_rows(std::int64_t, std::int64_t, std::int64_t, std::int64_t,         \
                                  const T*, float*, DeviceContext&);                              \
  template void add_positions(std::int64_t, std::int64_t, std::int64_t, std::int64_t, const T*,   \
                              T*, DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
