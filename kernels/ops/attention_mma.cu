// Fused attention on tensor cores. A block has 64 rows (queries; keys for dk and dv), 16 for each
// of its four warps, and goes through the other dimension in tiles that are copied to shared memory
// while the tile before is computed. Scores and results stay in registers, as tensor cores leave
// them: lane l has rows g = l / 4 and g + 8 of the 16, and columns 2 (l % 4) and the next of every
// eight.
#include <cmath>

#include "kernels/ops/attention_kernels.h"
#include "kernels/ops/tensor_cores.h"

namespace stepcast::cuda {
namespace {

constexpr int kWarps = 4, kBlock = kWarps * kWarp, kRows = kWarps * 16;
constexpr int kKeys = 64;   ///< of a tile, forward
constexpr int kInner = 32;  ///< rows of a tile, backward: registers are scarcer
constexpr float kLog2E = 1.4426950409f, kLn2 = 0.6931471806f;

/// Elements from row to row in shared memory: 16 bytes more than the row, so that the eight rows of
/// a matrix are in different banks.
template <int kDim>
inline constexpr int kPitch = kDim + 8;

struct Place {
  std::int64_t sequence, head, first;
};
__device__ __forceinline__ Place place() {
  return {static_cast<std::int64_t>(blockIdx.z), static_cast<std::int64_t>(blockIdx.y),
          static_cast<std::int64_t>(blockIdx.x) * kRows};
}

__device__ __forceinline__ int lane() { return static_cast<int>(threadIdx.x) % kWarp; }
/// First row of this warp.
__device__ __forceinline__ int warp_row() { return static_cast<int>(threadIdx.x) / kWarp * 16; }

/// Begins to copy kCount rows of a head, from `first` on; zeros where there are none, and behind
/// the head's dimensions.
template <int kDim, int kCount, typename T>
__device__ __forceinline__ void copy_tile(const HeadsView<const T>& view, std::int64_t sequence,
                                          std::int64_t head, std::int64_t first, std::int64_t rows,
                                          std::int64_t head_dim, T* tile) {
  constexpr int kChunks = kDim / 8;
  const T* const base = view.data + sequence * view.sequence + head * view.head;
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x); i < kCount * kChunks; i += kBlock) {
    const int row = i / kChunks, column = i % kChunks * 8;
    const bool there = first + row < rows && column < head_dim;
    copy_16_async(tile + row * kPitch<kDim> + column,
                  there ? base + (first + row) * view.token + column : base, there);
  }
}

/// scores += this warp's rows of `rows` times the rows of `tile`: (16, kDim) (kCount, kDim)'.
template <typename T, int kDim, int kCount>
__device__ __forceinline__ void multiply_rows(float (&scores)[kCount / 8][4], const T* rows,
                                              const T* tile) {
  const int matrix = lane() / 8, line = lane() % 8;
  const T* const of_a = rows + (warp_row() + matrix % 2 * 8 + line) * kPitch<kDim> + matrix / 2 * 8;
  const T* const of_b = tile + (matrix / 2 * 8 + line) * kPitch<kDim> + matrix % 2 * 8;
#pragma unroll
  for (int k = 0; k < kDim; k += 16) {
    std::uint32_t a[4];
    load_matrices<false>(a, of_a + k);
#pragma unroll
    for (int n = 0; n < kCount / 8; n += 2) {
      std::uint32_t b[4];
      load_matrices<false>(b, of_b + n * 8 * kPitch<kDim> + k);
      multiply_add<T>(scores[n], a, b[0], b[1]);
      multiply_add<T>(scores[n + 1], a, b[2], b[3]);
    }
  }
}

/// sums += weights, rounded to T, times the rows of `tile`: (16, kCount) (kCount, kDim).
template <typename T, int kDim, int kCount>
__device__ __forceinline__ void add_weighted(float (&sums)[kDim / 8][4],
                                             const float (&weights)[kCount / 8][4], const T* tile) {
  const int matrix = lane() / 8, line = lane() % 8;
  const T* const of_b = tile + (matrix % 2 * 8 + line) * kPitch<kDim> + matrix / 2 * 8;
#pragma unroll
  for (int k = 0; k < kCount / 8; k += 2) {
    const std::uint32_t a[4] = {pair_of<T>(weights[k][0], weights[k][1]),
                                pair_of<T>(weights[k][2], weights[k][3]),
                                pair_of<T>(weights[k + 1][0], weights[k + 1][1]),
                                pair_of<T>(weights[k + 1][2], weights[k + 1][3])};
#pragma unroll
    for (int n = 0; n < kDim / 8; n += 2) {
      std::uint32_t b[4];
      load_matrices<true>(b, of_b + k * 8 * kPitch<kDim> + n * 8);
      multiply_add<T>(sums[n], a, b[0], b[1]);
      multiply_add<T>(sums[n + 1], a, b[2], b[3]);
    }
  }
}

/// Rows of this lane to memory, each times its factor.
template <int kDim, typename T>
__device__ __forceinline__ void store_rows(const HeadsView<T>& view, const Place& here,
                                           std::int64_t rows, std::int64_t head_dim,
                                           const float (&sums)[kDim / 8][4],
                                           const float (&factors)[2]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const std::int64_t row = here.first + warp_row() + lane() / 4 + half * 8;
    if (row >= rows) continue;
    T* const to = view.data + here.sequence * view.sequence + row * view.token +
                  here.head * view.head + lane() % 4 * 2;
#pragma unroll
    for (int n = 0; n < kDim / 8; ++n)
      if (n * 8 < head_dim)
        *reinterpret_cast<std::uint32_t*>(to + n * 8) =
            pair_of<T>(sums[n][half * 2] * factors[half], sums[n][half * 2 + 1] * factors[half]);
  }
}

/// Over the four lanes that share a row.
__device__ __forceinline__ float over_row(float value, bool largest) {
#pragma unroll
  for (int lanes = 1; lanes < 4; lanes *= 2) {
    const float other = __shfl_xor_sync(kAllLanes, value, lanes);
    value = largest ? fmaxf(value, other) : value + other;
  }
  return value;
}

/// Running maximum (of scores in units of log 2) and sum of a lane's two rows.
struct Online {
  float largest[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  ///< of this lane's columns

  /// Scores become weights; returns in `shrink` what former sums are multiplied by.
  template <int kCount>
  __device__ __forceinline__ void weigh(float (&scores)[kCount][4], float (&shrink)[2]) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float top = largest[half];
#pragma unroll
      for (int n = 0; n < kCount; ++n)
        top = fmaxf(top, fmaxf(scores[n][half * 2], scores[n][half * 2 + 1]));
      top = over_row(top, true);
      // A row that has seen nothing yet has weights of 0, not of NaN.
      const float base = top == -INFINITY ? 0 : top;
      shrink[half] = exp2f(largest[half] - base);
      largest[half] = top;
      float added = 0;
#pragma unroll
      for (int n = 0; n < kCount; ++n)
#pragma unroll
        for (int i = half * 2; i < half * 2 + 2; ++i)
          added += scores[n][i] = exp2f(scores[n][i] - base);
      sum[half] = sum[half] * shrink[half] + added;
    }
  }
};

template <typename T, int kDim>
__global__ void __launch_bounds__(kBlock)
    forward_kernel(AttentionShape shape, AttentionOperands<T> x) {
  T* const q = reinterpret_cast<T*>(dynamic_shared());
  T *const k = q + kRows * kPitch<kDim>, *const v = k + kKeys * kPitch<kDim>;
  const Place here = place();
  const std::int64_t kv_head = here.head / (shape.heads / shape.kv_heads);
  const std::int64_t end = here.first + kRows < shape.queries ? here.first + kRows : shape.queries;
  const std::int64_t most = keys_seen(shape, end - 1), least = keys_seen(shape, here.first);
  const std::int64_t own_row = here.first + warp_row() + lane() / 4;
  const std::int64_t seen[2] = {keys_seen(shape, own_row), keys_seen(shape, own_row + 8)};
  const float scale = shape.scale * kLog2E;
  copy_tile<kDim, kRows>(x.q, here.sequence, here.head, here.first, shape.queries, shape.head_dim,
                         q);
  copy_tile<kDim, kKeys>(x.k, here.sequence, kv_head, 0, shape.keys, shape.head_dim, k);
  close_group();
  float sums[kDim / 8][4] = {};
  Online online;
  for (std::int64_t first = 0; first < most; first += kKeys) {
    // Values arrive while scores are computed, the next keys while weights are.
    copy_tile<kDim, kKeys>(x.v, here.sequence, kv_head, first, shape.keys, shape.head_dim, v);
    close_group();
    wait_for_groups<1>();
    __syncthreads();
    float scores[kKeys / 8][4] = {};
    multiply_rows<T, kDim, kKeys>(scores, q, k);
    __syncthreads();
    if (first + kKeys < most)
      copy_tile<kDim, kKeys>(x.k, here.sequence, kv_head, first + kKeys, shape.keys, shape.head_dim,
                             k);
    close_group();
    const bool masked = first + kKeys > least;
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const std::int64_t key = first + n * 8 + lane() % 4 * 2 + i % 2;
        scores[n][i] = masked && key >= seen[i / 2] ? -INFINITY : scores[n][i] * scale;
      }
    float shrink[2];
    online.weigh(scores, shrink);
#pragma unroll
    for (int n = 0; n < kDim / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[n][i] *= shrink[i / 2];
    wait_for_groups<1>();
    __syncthreads();
    add_weighted<T, kDim, kKeys>(sums, scores, v);
    __syncthreads();
  }
  wait_for_groups<0>();
  float factors[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float sum = over_row(online.sum[half], false);
    factors[half] = sum > 0 ? 1 / sum : 0;
    const std::int64_t query = own_row + half * 8;
    if (lane() % 4 == 0 && query < shape.queries)
      x.log_sums[(here.sequence * shape.heads + here.head) * shape.queries + query] =
          sum > 0 ? (online.largest[half] + log2f(sum)) * kLn2 : -INFINITY;
  }
  store_rows<kDim>(x.result, here, shape.queries, shape.head_dim, sums, factors);
}

template <typename T, int kDim>
__global__ void __launch_bounds__(kBlock) dq_kernel(AttentionShape shape, AttentionOperands<T> x) {
  constexpr int kTile = kInner * kPitch<kDim>;
  T* const q = reinterpret_cast<T*>(dynamic_shared());
  T *const dout = q + kRows * kPitch<kDim>, *const tiles = dout + kRows * kPitch<kDim>;
  const Place here = place();
  const std::int64_t kv_head = here.head / (shape.heads / shape.kv_heads);
  const std::int64_t end = here.first + kRows < shape.queries ? here.first + kRows : shape.queries;
  const std::int64_t most = keys_seen(shape, end - 1);
  const float scale = shape.scale * kLog2E;
  std::int64_t seen[2];
  float log_sum[2], delta[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const std::int64_t query = here.first + warp_row() + lane() / 4 + half * 8;
    const bool there = query < shape.queries;
    const std::int64_t at =
        (here.sequence * shape.heads + here.head) * shape.queries + (there ? query : 0);
    seen[half] = there ? keys_seen(shape, query) : 0;
    log_sum[half] = x.log_sums[at] * kLog2E;
    delta[half] = x.deltas[at];
  }
  // Keys in the first half of a stage, values in the second.
  const auto copy = [&](std::int64_t first, int stage) {
    T* const to = tiles + stage * 2 * kTile;
    copy_tile<kDim, kInner>(x.k, here.sequence, kv_head, first, shape.keys, shape.head_dim, to);
    copy_tile<kDim, kInner>(x.v, here.sequence, kv_head, first, shape.keys, shape.head_dim,
                            to + kTile);
  };
  copy_tile<kDim, kRows>(x.q, here.sequence, here.head, here.first, shape.queries, shape.head_dim,
                         q);
  copy_tile<kDim, kRows>(x.dout, here.sequence, here.head, here.first, shape.queries,
                         shape.head_dim, dout);
  copy(0, 0);
  close_group();
  float sums[kDim / 8][4] = {};
  int stage = 0;
  for (std::int64_t first = 0; first < most; first += kInner, stage = 1 - stage) {
    if (first + kInner < most) copy(first + kInner, 1 - stage);
    close_group();
    wait_for_groups<1>();
    __syncthreads();
    const T *const k = tiles + stage * 2 * kTile, *const v = k + kTile;
    float scores[kInner / 8][4] = {}, gradients[kInner / 8][4] = {};
    multiply_rows<T, kDim, kInner>(scores, q, k);
    multiply_rows<T, kDim, kInner>(gradients, dout, v);
#pragma unroll
    for (int n = 0; n < kInner / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const std::int64_t key = first + n * 8 + lane() % 4 * 2 + i % 2;
        const float p = key < seen[i / 2] ? exp2f(scores[n][i] * scale - log_sum[i / 2]) : 0;
        gradients[n][i] = p * (gradients[n][i] - delta[i / 2]);
      }
    add_weighted<T, kDim, kInner>(sums, gradients, k);
    __syncthreads();
  }
  wait_for_groups<0>();
  const float factors[2] = {shape.scale, shape.scale};
  store_rows<kDim>(x.dq, here, shape.queries, shape.head_dim, sums, factors);
}

/// A block per 64 keys; it goes through the queries of all heads that read them.
template <typename T, int kDim>
__global__ void __launch_bounds__(kBlock) dkv_kernel(AttentionShape shape, AttentionOperands<T> x) {
  constexpr int kTile = kInner * kPitch<kDim>;
  __shared__ float statistics[2][2][kInner];
  T* const k = reinterpret_cast<T*>(dynamic_shared());
  T *const v = k + kRows * kPitch<kDim>, *const tiles = v + kRows * kPitch<kDim>;
  const Place here = place();
  const std::int64_t sharing = shape.heads / shape.kv_heads;
  const std::int64_t begin = first_query(shape, here.first) / kInner * kInner;
  const std::int64_t steps =
      begin < shape.queries ? (shape.queries - begin + kInner - 1) / kInner : 0;
  const float scale = shape.scale * kLog2E;
  // Queries in the first half of a stage, gradients of results in the second; step by step, one
  // head after the other.
  const auto copy = [&](std::int64_t step, int stage) {
    const std::int64_t head = here.head * sharing + step / steps;
    const std::int64_t first = begin + step % steps * kInner;
    T* const to = tiles + stage * 2 * kTile;
    copy_tile<kDim, kInner>(x.q, here.sequence, head, first, shape.queries, shape.head_dim, to);
    copy_tile<kDim, kInner>(x.dout, here.sequence, head, first, shape.queries, shape.head_dim,
                            to + kTile);
    if (threadIdx.x >= kInner) return;
    const std::int64_t query = first + threadIdx.x;
    const std::int64_t at =
        (here.sequence * shape.heads + head) * shape.queries + (query < shape.queries ? query : 0);
    statistics[stage][0][threadIdx.x] = x.log_sums[at] * kLog2E;
    statistics[stage][1][threadIdx.x] = x.deltas[at];
  };
  copy_tile<kDim, kRows>(x.k, here.sequence, here.head, here.first, shape.keys, shape.head_dim, k);
  copy_tile<kDim, kRows>(x.v, here.sequence, here.head, here.first, shape.keys, shape.head_dim, v);
  if (steps > 0) copy(0, 0);
  close_group();
  float of_k[kDim / 8][4] = {}, of_v[kDim / 8][4] = {};
  const std::int64_t own_key = here.first + warp_row() + lane() / 4;
  for (std::int64_t step = 0; step < sharing * steps; ++step) {
    const int stage = static_cast<int>(step % 2);
    if (step + 1 < sharing * steps) copy(step + 1, 1 - stage);
    close_group();
    wait_for_groups<1>();
    __syncthreads();
    const T *const q = tiles + stage * 2 * kTile, *const dout = q + kTile;
    float p[kInner / 8][4] = {}, ds[kInner / 8][4] = {};
    multiply_rows<T, kDim, kInner>(p, k, q);
    multiply_rows<T, kDim, kInner>(ds, v, dout);
#pragma unroll
    for (int n = 0; n < kInner / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = n * 8 + lane() % 4 * 2 + i % 2;
        const std::int64_t query = begin + step % steps * kInner + column;
        const bool seen = query < shape.queries && own_key + i / 2 * 8 < keys_seen(shape, query);
        p[n][i] = seen ? exp2f(p[n][i] * scale - statistics[stage][0][column]) : 0;
        ds[n][i] = p[n][i] * (ds[n][i] - statistics[stage][1][column]);
      }
    add_weighted<T, kDim, kInner>(of_v, p, dout);
    add_weighted<T, kDim, kInner>(of_k, ds, q);
    __syncthreads();
  }
  wait_for_groups<0>();
  const float scales[2] = {shape.scale, shape.scale}, ones[2] = {1, 1};
  store_rows<kDim>(x.dk, here, shape.keys, shape.head_dim, of_k, scales);
  store_rows<kDim>(x.dv, here, shape.keys, shape.head_dim, of_v, ones);
}

dim3 grid_of(std::int64_t rows, std::int64_t heads, std::int64_t batch) {
  return dim3(static_cast<unsigned>((rows + kRows - 1) / kRows), static_cast<unsigned>(heads),
              static_cast<unsigned>(batch));
}

/// Bytes of so many rows of 16-bit elements in shared memory.
template <int kDim>
constexpr std::size_t shared_of(int rows) {
  return static_cast<std::size_t>(rows) * kPitch<kDim> * 2;
}

template <typename T, int kDim>
void forward_of(const AttentionShape& shape, const AttentionOperands<T>& operands,
                StreamHandle stream) {
  launch(forward_kernel<T, kDim>, grid_of(shape.queries, shape.heads, shape.batch), dim3(kBlock),
         shared_of<kDim>(kRows + 2 * kKeys), stream, shape, operands);
}

template <typename T, int kDim>
void backward_of(const AttentionShape& shape, const AttentionOperands<T>& operands,
                 StreamHandle stream) {
  const std::size_t shared = shared_of<kDim>(2 * kRows + 4 * kInner);
  launch(dq_kernel<T, kDim>, grid_of(shape.queries, shape.heads, shape.batch), dim3(kBlock), shared,
         stream, shape, operands);
  launch(dkv_kernel<T, kDim>, grid_of(shape.keys, shape.kv_heads, shape.batch), dim3(kBlock),
         shared, stream, shape, operands);
}

}  // namespace

template <typename T>
void attention_forward_mma(const AttentionShape& shape, const AttentionOperands<T>& operands,
                           StreamHandle stream) {
  if (shape.head_dim <= 64)
    forward_of<T, 64>(shape, operands, stream);
  else
    forward_of<T, 128>(shape, operands, stream);
}

template <typename T>
void attention_backward_mma(const AttentionShape& shape, const AttentionOperands<T>& operands,
                            StreamHandle stream) {
  if (shape.head_dim <= 64)
    backward_of<T, 64>(shape, operands, stream);
  else
    backward_of<T, 128>(shape, operands, stream);
}

#define STEPCAST_OF(T)                                                                     \
  template void attention_forward_mma(const AttentionShape&, const AttentionOperands<T>&,  \
                                      StreamHandle);                                       \
  template void attention_backward_mma(const AttentionShape&, const AttentionOperands<T>&, \
                                       StreamHandle);
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
