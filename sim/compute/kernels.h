// The catalogue of compute kernels: names, dimensions, and the work that follows from them. The same
// entry is timed by the cost room, drawn in reports, and one day launched by the live executor.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sim/base/dtype.h"
#include "sim/base/quantity.h"

namespace stepcast {

/// Dimensions are given in the order of the comment; unused ones are 0. B = sequences, S = tokens of a
/// sequence, T = tokens = B * S, H = hidden size, N = elements.
enum class KernelKind : std::uint8_t {
  kGemmForward,        ///< y(m,n) = x(m,k) w(k,n):        m, n, k, batch
  kGemmDgrad,          ///< dx(m,k') of a forward GEMM, given as the m, n, k of the product computed
  kGemmWgrad,          ///< dw, accumulated into fp32 or the weight type: m, n, k, batch
  kBatchedGemmForward, ///< attention scores and values of unfused attention: m, n, k, batch
  kBatchedGemmBackward,
  kFlashAttentionForward,   ///< fused: B, heads, kv_heads, S_query, S_key, head_dim (causal: flag)
  kFlashAttentionBackward,
  kScoreSoftmaxForward,     ///< scale, mask, softmax, dropout of unfused scores: N = B*heads*S*S
  kScoreSoftmaxBackward,
  kLayerNormForward,   ///< T, H
  kLayerNormBackward,
  kRmsNormForward,     ///< T, H
  kRmsNormBackward,
  kGeluForward,        ///< N (bias included)
  kGeluBackward,
  kSwigluForward,      ///< N = elements of the result
  kSwigluBackward,
  kRotaryForward,      ///< N = elements of q and k
  kRotaryBackward,
  kResidualDropoutForward,   ///< bias, dropout, add: N
  kResidualDropoutBackward,
  kEmbeddingForward,   ///< T, H
  kEmbeddingBackward,  ///< T, H
  kCrossEntropyForward,   ///< T, V (local columns of the logits)
  kCrossEntropyBackward,
  kCopy,               ///< N: transposes, casts, concatenations
  kAccumulate,         ///< fp32 += gradient: N
  kAdam,               ///< N parameters, mixed precision: reads gradient, updates fp32 state and copy
  kGradNorm,           ///< N
};

/// What a kernel is limited by, hence how the cost room times it.
enum class KernelFamily : std::uint8_t { kGemm, kBatchedGemm, kAttention, kMemoryBound };

/// Which half of the step issues it (the CPU's issue time differs).
enum class KernelPass : std::uint8_t { kForward, kBackward, kUpdate };

struct Kernel {
  KernelKind kind{};
  Dtype dtype{};  ///< element type of the operands
  bool causal = false;
  std::array<std::int64_t, 6> dims{};

  bool operator==(const Kernel&) const = default;
};

/// A row of the catalogue.
struct KernelInfo {
  KernelKind kind{};
  std::string_view name;  ///< "gemm_forward"; also the name in traces and in calibration files
  KernelFamily family{};
  KernelPass pass{};
  std::string_view report_class;  ///< "gemm", "attention", "softmax", "norm", "activation", ...
  std::array<std::string_view, 6> dim_names;
  std::string_view description;
};

std::span<const KernelInfo> kernel_table();
const KernelInfo& info(KernelKind kind);

/// Arithmetic of the kernel as executed (causal attention counts the half that is computed).
Flops flops_of(const Kernel& kernel);
/// Minimal traffic to memory: every operand once.
Bytes bytes_of(const Kernel& kernel);
/// "gemm_forward(m=2048, n=12288, k=1536, fp16)"
std::string to_text(const Kernel& kernel);

}  // namespace stepcast
