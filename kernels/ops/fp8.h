// 8-bit floating-point numbers, and tensors cast to them with a scale: x = scale * number.
#pragma once

#include <cstdint>

#include "kernels/ops/device_context.h"
#include "kernels/ops/gemm.h"

namespace stepcast::cuda {

/// Largest finite number.
constexpr float largest_of(Fp8 kind) { return kind == Fp8::kE4m3 ? 448.0F : 57344.0F; }

/// The nearest number, ties to even; beyond the largest finite one, that one (as cvt.satfinite).
/// NaN becomes NaN.
std::uint8_t to_fp8(Fp8 kind, float x);
float from_fp8(Fp8 kind, std::uint8_t bits);

/// *scale = largest magnitude of x / largest number of `kind`, in device memory; 1 where x is all
/// zeros. So that no element overflows [per-tensor current scaling].
template <typename T>
void fp8_scale(Fp8 kind, std::int64_t n, const T* x, float* scale, DeviceContext& context);

/// numbers = x / *scale. T is float, Bf16 or Fp16.
template <typename T>
void cast_to_fp8(Fp8 kind, std::int64_t n, const T* x, const float* scale, std::uint8_t* numbers,
                 DeviceContext& context);

}  // namespace stepcast::cuda
