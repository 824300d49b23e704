// Matrix products on a GPU, by cuBLASLt: c = alpha * op(a) op(b) + beta * c, row-major, with the
// shapes, strides and batches of kernels/cpu/gemm.h, and epilogues. Sums are fp32 whatever the
// operands are. Which of cuBLASLt's kernels runs is asked once per product and alignment, and kept.
#pragma once

#include <cstdint>

#include "kernels/cpu/gemm.h"
#include "kernels/ops/device_context.h"
#include "sim/base/dtype.h"

namespace stepcast::cuda {

/// The two layouts of 8-bit floating-point numbers [Micikevicius et al. 2022, FP8 Formats for Deep
/// Learning, table 1]: up to 448 with 3 bits of fraction, for weights and activations; up to 57,344
/// with 2 bits, for gradients.
enum class Fp8 : std::uint8_t { kE4m3, kE5m2 };

enum class Epilogue : std::uint8_t {
  kNone,
  kBias,      ///< + bias (n)
  kGelu,      ///< gelu(product), tanh form
  kBiasGelu,  ///< gelu(product + bias)
};

struct Product {
  Gemm shape;
  Dtype dtype = Dtype::kFp32;   ///< of a and b; tf32 is fp32 in memory
  Dtype result = Dtype::kFp32;  ///< of c and bias: fp32, or that of a 16-bit product; of an fp8
                                ///< product fp32, fp16 or bf16
  Epilogue epilogue = Epilogue::kNone;  ///< not with batches, beta or an alpha
  const void* bias = nullptr;
  /// With kGelu and kBiasGelu, unless it is null: what the function is applied to, (m, n) with the
  /// rows of c, in the type of c: the backward pass reads it.
  void* before_gelu = nullptr;
  /// Of fp8 products, floats in device memory: element = scale * number. Null: 1.
  const float* scale_a = nullptr;
  const float* scale_b = nullptr;
  Fp8 fp8_a = Fp8::kE4m3, fp8_b = Fp8::kE4m3;  ///< not both kE5m2
};

/// c may not overlap a or b. Throws Error(kUnsupported) for what cuBLASLt has no kernel for, naming
/// it: fp8 products have a as it is and b transposed, dimensions that are multiples of 16 and
/// memory aligned to 16 bytes.
void gemm(const Product& product, const void* a, const void* b, void* c, DeviceContext& context);

}  // namespace stepcast::cuda
