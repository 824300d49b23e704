#include <cmath>

#include "kernels/ops/each.h"
#include "kernels/ops/fp8.h"
#include "kernels/ops/reduce.h"

namespace stepcast::cuda {
namespace {

/// Bits of fraction, and what is added to the exponent.
struct Format {
  int fraction, bias;
  std::uint32_t largest, not_a_number;  ///< without sign
};

__host__ __device__ __forceinline__ Format format_of(Fp8 kind) {
  return kind == Fp8::kE4m3 ? Format{3, 7, 0x7e, 0x7f} : Format{2, 15, 0x7b, 0x7f};
}

/// In integers, so that it is the same on every device. The fraction is cut to the format's length
/// after half of the last place has been added; subnormal numbers are multiples of a power of two.
__host__ __device__ __forceinline__ std::uint8_t encoded(Format f, float x) {
  std::uint32_t bits = 0;
  memcpy(&bits, &x, sizeof(bits));
  const std::uint32_t sign = bits >> 24 & 0x80, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<std::uint8_t>(sign | f.not_a_number);
  const int cut = 23 - f.fraction;
  std::uint32_t result = 0;
  if (magnitude >> 23 > static_cast<std::uint32_t>(127 - f.bias)) {
    const std::uint32_t rounded = magnitude + (1U << (cut - 1)) - 1 + (magnitude >> cut & 1);
    result = (rounded - (static_cast<std::uint32_t>(127 - f.bias) << 23)) >> cut;
  } else {
    // 1.5 * 2^23 units of the smallest subnormal number: adding it rounds to whole units.
    const float unit = ldexpf(1.0F, 1 - f.bias - f.fraction);
    const float shift = 12582912.0F * unit;
    float value = 0;
    memcpy(&value, &magnitude, sizeof(value));
    result = static_cast<std::uint32_t>((value + shift - shift) / unit);
  }
  return static_cast<std::uint8_t>(sign | (result < f.largest ? result : f.largest));
}

template <typename T>
struct CastBody {
  Fp8 kind;
  const T* x;
  const float* scale;
  std::uint8_t* numbers;
  template <int N>
  __device__ void run(std::int64_t i) const {
    const Format format = format_of(kind);
    const float inverse = 1 / *scale;
    float values[N];
    load<N>(x + i, values);
    Pack<std::uint8_t, N> pack;
    for (int j = 0; j < N; ++j) pack.elements[j] = encoded(format, values[j] * inverse);
    *reinterpret_cast<Pack<std::uint8_t, N>*>(numbers + i) = pack;
  }
};

template <int N, typename T>
__global__ void __launch_bounds__(kThreads)
    largest_kernel(std::int64_t n, const T* x, float* partial) {
  float largest = 0;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads * N;
  for (std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) * N; i < n;
       i += step)
    if (i + N <= n) {
      float values[N];
      load<N>(x + i, values);
      for (int j = 0; j < N; ++j) largest = fmaxf(largest, fabsf(values[j]));
    } else {
      for (std::int64_t j = i; j < n; ++j) largest = fmaxf(largest, fabsf(to_float(x[j])));
    }
  largest = over_block(largest, Largest{});
  if (threadIdx.x == 0) partial[blockIdx.x] = largest;
}

__global__ void __launch_bounds__(kThreads)
    scale_kernel(int blocks, const float* partial, float largest_number, float* scale) {
  float largest = 0;
  for (int i = static_cast<int>(threadIdx.x); i < blocks; i += kThreads)
    largest = fmaxf(largest, partial[i]);
  largest = over_block(largest, Largest{});
  if (threadIdx.x == 0) *scale = largest > 0 ? largest / largest_number : 1;
}

}  // namespace

std::uint8_t to_fp8(Fp8 kind, float x) { return encoded(format_of(kind), x); }

float from_fp8(Fp8 kind, std::uint8_t bits) {
  const Format f = format_of(kind);
  const int exponent = (bits & 0x7f) >> f.fraction, fraction = bits & ((1 << f.fraction) - 1);
  const bool special = kind == Fp8::kE4m3 ? (bits & 0x7f) == 0x7f : exponent == 31;
  float value = std::ldexp(static_cast<float>(fraction), 1 - f.bias - f.fraction);
  if (exponent > 0)
    value = std::ldexp(static_cast<float>(fraction + (1 << f.fraction)),
                       exponent - f.bias - f.fraction);
  if (special) value = kind == Fp8::kE5m2 && fraction == 0 ? INFINITY : NAN;
  return (bits & 0x80) != 0 ? -value : value;
}

template <typename T>
void fp8_scale(Fp8 kind, std::int64_t n, const T* x, float* scale, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const std::int64_t most = context.facts().multiprocessors * 8;
  const std::int64_t wanted = (n + kThreads * kWidth - 1) / (kThreads * kWidth);
  const auto blocks = static_cast<unsigned>(wanted < 1 ? 1 : wanted < most ? wanted : most);
  float* const partial = context.scratch_floats(blocks);
  launch(aligned(x) ? largest_kernel<kWidth, T> : largest_kernel<1, T>, dim3(blocks),
         dim3(kThreads), 0, context.stream(), n, x, partial);
  launch(scale_kernel, dim3(1), dim3(kThreads), 0, context.stream(), static_cast<int>(blocks),
         partial, largest_of(kind), scale);
}

template <typename T>
void cast_to_fp8(Fp8 kind, std::int64_t n, const T* x, const float* scale, std::uint8_t* numbers,
                 DeviceContext& context) {
  each_element<kWidest<T>>(n, aligned(x) && aligned(numbers), CastBody<T>{kind, x, scale, numbers},
                           context.stream());
}

#define STEPCAST_OF(T)                                                                \
  template void fp8_scale(Fp8, std::int64_t, const T*, float*, DeviceContext&);       \
  template void cast_to_fp8(Fp8, std::int64_t, const T*, const float*, std::uint8_t*, \
                            DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
