// Fused attention on fp32 units, of any element type: tiles of 32 queries by 32 keys in shared
// memory. Eight neighbouring threads share a row of the tile (a query, or a key for dk and dv):
// each has every eighth score of the row and every eighth column of its result.
#include <cmath>

#include "kernels/ops/attention_kernels.h"
#include "kernels/ops/pack.h"

namespace stepcast::cuda {
namespace {

constexpr int kTile = 32, kSharers = 8, kBlock = kTile * kSharers;
constexpr int kScores = kTile / kSharers;  ///< of a thread
constexpr int kColumns = 256 / kSharers;   ///< of a thread, at most
constexpr int kPitch = kTile + 1;          ///< of tiles of scores

/// Where a block stands.
struct Place {
  std::int64_t sequence, head, first;
};
__device__ __forceinline__ Place place() {
  return {static_cast<std::int64_t>(blockIdx.z), static_cast<std::int64_t>(blockIdx.y),
          static_cast<std::int64_t>(blockIdx.x) * kTile};
}

/// Rows first .. first + 31 of a head as fp32; zeros where there are none.
template <typename T>
__device__ void load_tile(const HeadsView<const T>& view, std::int64_t sequence, std::int64_t head,
                          std::int64_t first, std::int64_t rows, int width, float* tile) {
  const T* const base = view.data + sequence * view.sequence + head * view.head;
  for (int i = static_cast<int>(threadIdx.x); i < kTile * width; i += kBlock) {
    const int row = i / width, column = i % width;
    tile[row * (width + 1) + column] =
        first + row < rows ? to_float(base[(first + row) * view.token + column]) : 0;
  }
}

__device__ __forceinline__ float dot(const float* a, const float* b, int width) {
  float sum = 0;
  for (int i = 0; i < width; ++i) sum += a[i] * b[i];
  return sum;
}

/// Over the threads that share a row.
__device__ __forceinline__ float over_row(float value, bool largest) {
  for (int lanes = 1; lanes < kSharers; lanes *= 2) {
    const float other = __shfl_xor_sync(kAllLanes, value, lanes);
    value = largest ? fmaxf(value, other) : value + other;
  }
  return value;
}

/// columns += weights (row of a tile of scores) times the rows of `tile`.
__device__ __forceinline__ void add_weighted(float (&columns)[kColumns], const float* weights,
                                             const float* tile, int width, int own) {
  for (int j = 0; j < kTile; ++j) {
    const float weight = weights[j];
#pragma unroll
    for (int i = 0; i < kColumns; ++i)
      if (i * kSharers + own < width)
        columns[i] += weight * tile[j * (width + 1) + i * kSharers + own];
  }
}

template <typename T>
__device__ void store_row(T* row, const float (&columns)[kColumns], float factor, int width,
                          int own) {
#pragma unroll
  for (int i = 0; i < kColumns; ++i)
    if (i * kSharers + own < width) row[i * kSharers + own] = from_float<T>(factor * columns[i]);
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    forward_kernel(AttentionShape shape, AttentionOperands<T> x) {
  const int width = static_cast<int>(shape.head_dim), area = kTile * (width + 1);
  auto* const q = reinterpret_cast<float*>(dynamic_shared());
  float *const k = q + area, *const v = k + area, *const p = v + area;
  const Place here = place();
  const std::int64_t kv_head = here.head / (shape.heads / shape.kv_heads);
  const int row = static_cast<int>(threadIdx.x) / kSharers,
            own = static_cast<int>(threadIdx.x) % kSharers;
  const std::int64_t query = here.first + row;
  const std::int64_t seen = query < shape.queries ? keys_seen(shape, query) : 0;
  const std::int64_t last = here.first + kTile < shape.queries ? here.first + kTile : shape.queries;
  const std::int64_t most = keys_seen(shape, last - 1);
  load_tile(x.q, here.sequence, here.head, here.first, shape.queries, width, q);
  float columns[kColumns] = {};
  float largest = -INFINITY, sum = 0;
  for (std::int64_t first = 0; first < most; first += kTile) {
    __syncthreads();
    load_tile(x.k, here.sequence, kv_head, first, shape.keys, width, k);
    load_tile(x.v, here.sequence, kv_head, first, shape.keys, width, v);
    __syncthreads();
    float scores[kScores];
    float top = largest;
    for (int i = 0; i < kScores; ++i) {
      const int j = i * kSharers + own;
      scores[i] = first + j < seen
                      ? shape.scale * dot(q + row * (width + 1), k + j * (width + 1), width)
                      : -INFINITY;
      top = fmaxf(top, scores[i]);
    }
    top = over_row(top, true);
    // What was summed with the former maximum; a row that has seen nothing yet stays at zero.
    const float shrink = largest == -INFINITY ? 0 : expf(largest - top);
    float added = 0;
    for (int i = 0; i < kScores; ++i) {
      const float weight = scores[i] == -INFINITY ? 0 : expf(scores[i] - top);
      p[row * kPitch + i * kSharers + own] = weight;
      added += weight;
    }
    sum = sum * shrink + over_row(added, false);
    largest = top;
    for (int i = 0; i < kColumns; ++i) columns[i] *= shrink;
    __syncwarp();
    add_weighted(columns, p + row * kPitch, v, width, own);
    __syncwarp();
  }
  if (query >= shape.queries) return;
  T* const to = x.result.data + here.sequence * x.result.sequence + query * x.result.token +
                here.head * x.result.head;
  store_row(to, columns, sum > 0 ? 1 / sum : 0, width, own);
  if (own == 0)
    x.log_sums[(here.sequence * shape.heads + here.head) * shape.queries + query] =
        sum > 0 ? largest + logf(sum) : -INFINITY;
}

/// The probability of a score, and the gradient of it before the scale.
struct Weights {
  float p, ds;
};
__device__ __forceinline__ Weights weights_of(bool seen, float score, float log_sum, float dp,
                                              float delta) {
  const float p = seen ? expf(score - log_sum) : 0;
  return {p, p * (dp - delta)};
}

template <typename T>
__global__ void __launch_bounds__(kBlock) dq_kernel(AttentionShape shape, AttentionOperands<T> x) {
  const int width = static_cast<int>(shape.head_dim), area = kTile * (width + 1);
  auto* const q = reinterpret_cast<float*>(dynamic_shared());
  float *const dout = q + area, *const k = dout + area, *const v = k + area, *const ds = v + area;
  const Place here = place();
  const std::int64_t kv_head = here.head / (shape.heads / shape.kv_heads);
  const int row = static_cast<int>(threadIdx.x) / kSharers,
            own = static_cast<int>(threadIdx.x) % kSharers;
  const std::int64_t query = here.first + row;
  const bool there = query < shape.queries;
  const std::int64_t seen = there ? keys_seen(shape, query) : 0;
  const std::int64_t last = here.first + kTile < shape.queries ? here.first + kTile : shape.queries;
  const std::int64_t most = keys_seen(shape, last - 1);
  const std::int64_t statistic =
      (here.sequence * shape.heads + here.head) * shape.queries + (there ? query : 0);
  const float log_sum = x.log_sums[statistic], delta = x.deltas[statistic];
  load_tile(x.q, here.sequence, here.head, here.first, shape.queries, width, q);
  load_tile(x.dout, here.sequence, here.head, here.first, shape.queries, width, dout);
  float columns[kColumns] = {};
  for (std::int64_t first = 0; first < most; first += kTile) {
    __syncthreads();
    load_tile(x.k, here.sequence, kv_head, first, shape.keys, width, k);
    load_tile(x.v, here.sequence, kv_head, first, shape.keys, width, v);
    __syncthreads();
    for (int i = 0; i < kScores; ++i) {
      const int j = i * kSharers + own;
      const float score = shape.scale * dot(q + row * (width + 1), k + j * (width + 1), width);
      const float dp = dot(dout + row * (width + 1), v + j * (width + 1), width);
      ds[row * kPitch + j] = weights_of(first + j < seen, score, log_sum, dp, delta).ds;
    }
    __syncwarp();
    add_weighted(columns, ds + row * kPitch, k, width, own);
    __syncwarp();
  }
  if (!there) return;
  store_row(x.dq.data + here.sequence * x.dq.sequence + query * x.dq.token + here.head * x.dq.head,
            columns, shape.scale, width, own);
}

/// A block per tile of keys; it goes through the queries of all heads that read them.
template <typename T>
__global__ void __launch_bounds__(kBlock) dkv_kernel(AttentionShape shape, AttentionOperands<T> x) {
  const int width = static_cast<int>(shape.head_dim), area = kTile * (width + 1);
  auto* const k = reinterpret_cast<float*>(dynamic_shared());
  float *const v = k + area, *const q = v + area, *const dout = q + area;
  float *const p = dout + area, *const ds = p + kTile * kPitch;
  const Place here = place();
  const std::int64_t sharing = shape.heads / shape.kv_heads;
  const int row = static_cast<int>(threadIdx.x) / kSharers,
            own = static_cast<int>(threadIdx.x) % kSharers;
  const std::int64_t key = here.first + row;
  load_tile(x.k, here.sequence, here.head, here.first, shape.keys, width, k);
  load_tile(x.v, here.sequence, here.head, here.first, shape.keys, width, v);
  float of_k[kColumns] = {}, of_v[kColumns] = {};
  for (std::int64_t head = here.head * sharing; head < (here.head + 1) * sharing; ++head) {
    const std::int64_t statistics = (here.sequence * shape.heads + head) * shape.queries;
    for (std::int64_t first = first_query(shape, here.first) / kTile * kTile; first < shape.queries;
         first += kTile) {
      __syncthreads();
      load_tile(x.q, here.sequence, head, first, shape.queries, width, q);
      load_tile(x.dout, here.sequence, head, first, shape.queries, width, dout);
      __syncthreads();
      for (int i = 0; i < kScores; ++i) {
        const int j = i * kSharers + own;
        const std::int64_t query = first + j;
        const bool seen = query < shape.queries && key < keys_seen(shape, query);
        const std::int64_t at = statistics + (query < shape.queries ? query : 0);
        const float score = shape.scale * dot(k + row * (width + 1), q + j * (width + 1), width);
        const float dp = dot(v + row * (width + 1), dout + j * (width + 1), width);
        const Weights weights = weights_of(seen, score, x.log_sums[at], dp, x.deltas[at]);
        p[row * kPitch + j] = weights.p;
        ds[row * kPitch + j] = weights.ds;
      }
      __syncwarp();
      add_weighted(of_v, p + row * kPitch, dout, width, own);
      add_weighted(of_k, ds + row * kPitch, q, width, own);
      __syncwarp();
    }
  }
  if (key >= shape.keys) return;
  const auto row_of = [&](const HeadsView<T>& view) {
    return view.data + here.sequence * view.sequence + key * view.token + here.head * view.head;
  };
  store_row(row_of(x.dk), of_k, shape.scale, width, own);
  store_row(row_of(x.dv), of_v, 1, width, own);
}

dim3 grid_of(std::int64_t rows, std::int64_t heads, std::int64_t batch) {
  return dim3(static_cast<unsigned>((rows + kTile - 1) / kTile), static_cast<unsigned>(heads),
              static_cast<unsigned>(batch));
}

std::size_t shared_of(const AttentionShape& shape, std::int64_t tiles, std::int64_t score_tiles) {
  return static_cast<std::size_t>(tiles * kTile * (shape.head_dim + 1) +
                                  score_tiles * kTile * kPitch) *
         sizeof(float);
}

}  // namespace

template <typename T>
void attention_forward_fp32(const AttentionShape& shape, const AttentionOperands<T>& operands,
                            StreamHandle stream) {
  launch(forward_kernel<T>, grid_of(shape.queries, shape.heads, shape.batch), dim3(kBlock),
         shared_of(shape, 3, 1), stream, shape, operands);
}

template <typename T>
void attention_backward_fp32(const AttentionShape& shape, const AttentionOperands<T>& operands,
                             StreamHandle stream) {
  launch(dq_kernel<T>, grid_of(shape.queries, shape.heads, shape.batch), dim3(kBlock),
         shared_of(shape, 4, 1), stream, shape, operands);
  launch(dkv_kernel<T>, grid_of(shape.keys, shape.kv_heads, shape.batch), dim3(kBlock),
         shared_of(shape, 4, 2), stream, shape, operands);
}

#define STEPCAST_OF(T)                                                                      \
  template void attention_forward_fp32(const AttentionShape&, const AttentionOperands<T>&,  \
                                       StreamHandle);                                       \
  template void attention_backward_fp32(const AttentionShape&, const AttentionOperands<T>&, \
                                        StreamHandle);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
