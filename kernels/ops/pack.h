// Elements in memory as fp32 in registers, 16 bytes at a time where they lie so.
#pragma once

#include "kernels/cpu/element.h"
#include "kernels/ops/launch.h"

namespace stepcast::cuda {

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(Bf16 x) {
  return __int_as_float(static_cast<int>(x.bits) << 16);
}

#ifdef STEPCAST_EMULATED
inline float to_float(Fp16 x) { return widened(x); }
template <typename T>
T from_float(float x) {
  T result;
  store(result, x);
  return result;
}
#else
__device__ __forceinline__ float to_float(Fp16 x) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
  return result;
}
/// To nearest, ties to even.
template <typename T>
__device__ __forceinline__ T from_float(float x) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return x;
  } else {
    T result;
    if constexpr (std::is_same_v<T, Bf16>)
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
    else
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
    return result;
  }
}
#endif

/// N elements that are read or written together: 16 bytes in one transaction, 32 in two.
template <typename T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Pack {
  T elements[N];
};

template <int N, typename T>
__device__ __forceinline__ void load(const T* from, float (&values)[N]) {
  const Pack<T, N> pack = *reinterpret_cast<const Pack<T, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) values[i] = to_float(pack.elements[i]);
}

template <int N, typename T>
__device__ __forceinline__ void save(T* to, const float (&values)[N]) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) pack.elements[i] = from_float<T>(values[i]);
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

/// Elements of a pack of 16 bytes: of the narrowest of the types.
template <typename... T>
inline constexpr int kWidest = ((sizeof(T) == 2) || ...) ? 8 : 4;

inline bool aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

}  // namespace stepcast::cuda
