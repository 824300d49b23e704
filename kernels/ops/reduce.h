// Sums and maxima over the threads of a block. Always in the same order, so they repeat to the bit.
#pragma once

#include "kernels/ops/launch.h"

namespace stepcast::cuda {

struct Sum {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Largest {
  template <typename T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a > b ? a : b;
  }
};

/// Over the lanes of a whole warp; every lane gets it.
template <typename Combine, typename T>
__device__ __forceinline__ T over_warp(T value, Combine combine) {
#pragma unroll
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2)
    value = combine(value, __shfl_xor_sync(kAllLanes, value, lanes));
  return value;
}

/// Over a block of whole warps, one-dimensional; every thread gets it. All threads call it.
template <typename Combine, typename T>
__device__ __forceinline__ T over_block(T value, Combine combine) {
  __shared__ T of_warp[kWarp];
  value = over_warp(value, combine);
  const unsigned warps = blockDim.x / kWarp;
  if (warps == 1) return value;
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  T result = of_warp[0];
  for (unsigned warp = 1; warp < warps; ++warp) result = combine(result, of_warp[warp]);
  // Before the next call writes.
  __syncthreads();
  return result;
}

/// The sum over the threads of the block before this one, as over_block.
template <typename T>
__device__ __forceinline__ T before_thread(T value) {
  __shared__ T of_warp[kWarp];
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  T until = value;
#pragma unroll
  for (int distance = 1; distance < kWarp; distance *= 2) {
    const T other = __shfl_up_sync(kAllLanes, until, distance);
    if (lane >= static_cast<unsigned>(distance)) until += other;
  }
  if (lane == kWarp - 1) of_warp[warp] = until;
  __syncthreads();
  T before = until - value;
  for (unsigned other = 0; other < warp; ++other) before += of_warp[other];
  // Before the next call writes.
  __syncthreads();
  return before;
}

}  // namespace stepcast::cuda
