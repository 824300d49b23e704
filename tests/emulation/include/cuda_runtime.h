// The words of CUDA C++ that kernels/ops/ uses, for a C++ compiler. What a word does is in
// tests/emulation/block.h: threads of a block are fibers that give way where they wait for others.
#pragma once

// The names are CUDA's.
// NOLINTBEGIN(readability-identifier-naming,bugprone-reserved-identifier)

#include <cuda_runtime_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tests/emulation/block.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
/// One block runs at a time.
#define __shared__ static thread_local

struct dim3 {
  /// A number is a grid of one dimension. NOLINTNEXTLINE(google-explicit-constructor)
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  unsigned x, y, z;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

#define threadIdx (::stepcast::emulation::this_thread().thread)
#define blockIdx (::stepcast::emulation::this_thread().block)
#define blockDim (::stepcast::emulation::this_thread().block_size)
#define gridDim (::stepcast::emulation::this_thread().grid_size)

inline void __syncthreads() { ::stepcast::emulation::wait_for_block(); }
inline void __syncwarp(unsigned mask = 0xffffffff) { ::stepcast::emulation::exchange(mask, 0); }

/// The value of another lane; all lanes of the mask call it together.
template <typename T>
T __shfl_sync(unsigned mask, T value, int lane) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof(T));
  word = ::stepcast::emulation::exchange(mask, word)[lane & 31];
  std::memcpy(&value, &word, sizeof(T));
  return value;
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return __shfl_sync(mask, value, ::stepcast::emulation::lane() ^ lanes);
}
/// From a lane beyond the warp comes the own value.
template <typename T>
T __shfl_up_sync(unsigned mask, T value, int distance) {
  const int from = ::stepcast::emulation::lane() - distance;
  return __shfl_sync(mask, value, from < 0 ? ::stepcast::emulation::lane() : from);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T value, int distance) {
  const int from = ::stepcast::emulation::lane() + distance;
  return __shfl_sync(mask, value, from > 31 ? ::stepcast::emulation::lane() : from);
}
inline unsigned __ballot_sync(unsigned mask, bool vote) {
  const std::uint64_t* votes = ::stepcast::emulation::exchange(mask, vote ? 1 : 0);
  unsigned result = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((mask >> lane & 1) != 0 && votes[lane] != 0) result |= 1U << lane;
  return result;
}
inline bool __any_sync(unsigned mask, bool vote) { return __ballot_sync(mask, vote) != 0; }
inline int __syncthreads_or(int vote) { return ::stepcast::emulation::any_of_block(vote != 0); }
inline int __syncthreads_count(int vote) {
  return ::stepcast::emulation::count_of_block(vote != 0);
}

inline int __popc(unsigned x) { return std::popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }

// Blocks and threads take turns, so a plain update is atomic.
template <typename T>
T atomicAdd(T* to, T value) {
  const T old = *to;
  *to += value;
  return old;
}
template <typename T>
T atomicMax(T* to, T value) {
  const T old = *to;
  *to = std::max(old, value);
  return old;
}

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline std::int64_t min(std::int64_t a, std::int64_t b) { return std::min(a, b); }
inline std::int64_t max(std::int64_t a, std::int64_t b) { return std::max(a, b); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
// NOLINTEND(readability-identifier-naming,bugprone-reserved-identifier)
