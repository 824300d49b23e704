// The catalogue of compute kernels: names, dimensions, and the work that follows from them. The
// same entry is timed by the cost room, drawn in reports, and one day launched by the live
// executor.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sim/base/dtype.h"
#include "sim/base/quantity.h"

namespace stepcast {

/// Dimensions are given in the order of the comment; unused ones are 0. B = sequences, S = tokens
/// of a sequence, T = tokens = B * S, H = hidden size, V = columns of the logits held, N =
/// elements. A GEMM computes result(m,n) = a(m,k) b(k,n), `batch` times; a batch left at 0 counts
/// as 1. Gradient products are given by their own m, n, k: of y(T,N) = x(T,K) w(K,N), dgrad is m=T
/// n=K k=N and wgrad m=K n=N k=T (or its transpose, m=N n=K).
enum class KernelKind : std::uint8_t {
  kGemmForward,             ///< m, n, k, batch
  kGemmDgrad,               ///< m, n, k, batch
  kGemmWgrad,               ///< m, n, k, batch; adds to an fp32 gradient
  kBatchedGemmForward,      ///< scores, or weighted values, of unfused attention: m, n, k, batch
  kBatchedGemmBackward,     ///< one of the two gradient products of such a GEMM: m, n, k, batch
  kFlashAttentionForward,   ///< fused: B, heads, kv_heads, S_query, S_key, head_dim; causal: flag
  kFlashAttentionBackward,  ///< the same
  kScoreSoftmaxForward,     ///< scale, mask, softmax, dropout of unfused scores: N = B*heads*S*S
  kScoreSoftmaxBackward,
  kLayerNormForward,  ///< T, H
  kLayerNormBackward,
  kRmsNormForward,  ///< T, H
  kRmsNormBackward,
  kGeluForward,  ///< N (bias included); other one-input activations too
  kGeluBackward,
  kSwigluForward,  ///< N = elements of the result
  kSwigluBackward,
  kRotaryForward,  ///< N = elements of q and k
  kRotaryBackward,
  kResidualDropoutForward,  ///< bias, dropout, add: N
  kResidualDropoutBackward,
  kEmbeddingForward,      ///< T, H
  kEmbeddingBackward,     ///< T, H
  kCrossEntropyForward,   ///< T, V
  kCrossEntropyBackward,  ///< T, V
  kCopy,                  ///< N: transposes, casts, concatenations
  kAccumulate,            ///< fp32 += gradient of type dtype: N
  kAddGradient,           ///< gradient += gradient, both of type dtype: N
  kAdam,                  ///< N parameters; a 16-bit or fp8 dtype adds the copy that the GEMMs read
  kSgd,                   ///< with momentum; the same
  kGradNorm,              ///< N gradient elements of type dtype
  kConvolutionForward,    ///< ConvolutionDims of dims.h
  kConvolutionDgrad,
  kConvolutionWgrad,   ///< adds to an fp32 gradient
  kBatchNormForward,   ///< images, channels, pixels; also moves the running statistics
  kBatchNormBackward,  ///< the same
  kMaxPoolingForward,  ///< PoolingDims of dims.h
  kMaxPoolingBackward,
  kAveragePoolingForward,
  kAveragePoolingBackward,
  kTopK,           ///< N, kept: the largest in magnitude, as indices and values
  kAddSparse,      ///< N, kept: what top_k found, added to N elements
  kQuantize,       ///< N, block: to 8-bit integers with an fp32 scale for each block
  kDequantize,     ///< the same
  kLambDirection,  ///< N parameters of one tensor: moments, direction, norms
  kLambApply,      ///< N parameters, moved along the direction; a 16-bit dtype adds the copy
  kClipGradient,   ///< N gradient elements of type dtype, scaled in place
};
/// For tables by kind.
inline constexpr std::size_t kNumKernelKinds =
    static_cast<std::size_t>(KernelKind::kClipGradient) + 1;

/// What a kernel is limited by, hence how the cost room times it.
enum class KernelFamily : std::uint8_t {
  kGemm,
  kBatchedGemm,
  kAttention,
  kConvolution,
  kMemoryBound
};

/// Which half of the step issues it (the CPU's issue time differs).
enum class KernelPass : std::uint8_t { kForward, kBackward, kUpdate };

/// As many as a convolution has.
inline constexpr std::size_t kMostDims = 9;
using KernelDims = std::array<std::int64_t, kMostDims>;

struct Kernel {
  KernelKind kind{};
  Dtype dtype{};  ///< element type of the operands
  bool causal = false;
  KernelDims dims{};  ///< those of dims.h have names there

  bool operator==(const Kernel&) const = default;
};

/// Work of a memory-bound kernel, besides its dimensions. Some kernels have two counts: elements,
/// and something that there is less of. All zero for GEMMs, convolutions and fused attention, whose
/// formulas are those of flops_of and bytes_of.
struct StreamingWork {
  enum class Counts : std::uint8_t {
    kProduct,  ///< elements: the product of the dimensions
    kWindows,  ///< elements of images; fewer: windows (PoolingDims). Flops are per element of those
    kKept,     ///< dimension 0; fewer: dimension 1
    kBlocks,   ///< dimension 0; fewer: blocks of dimension 1 elements, the last may be shorter
  };

  double flops = 0;                 ///< per element; a transcendental function counts as one
  std::int64_t operands = 0;        ///< tensors of the kernel's dtype read or written, per element
  std::int64_t bytes = 0;           ///< further bytes per element, of fp32 tensors
  bool low_precision_copy = false;  ///< a dtype of less than 4 bytes is one more tensor of it
  std::int64_t row_bytes = 0;       ///< per token: statistics, token ids, losses
  std::int64_t vectors =
      0;  ///< vectors of dimension 1 elements of the dtype: weights, biases, their gradients
  Counts counts = Counts::kProduct;
  std::int64_t few_operands = 0;  ///< as operands and bytes, of what there is less of
  std::int64_t few_bytes = 0;
  /// Data is read several times over, or at scattered places, by most implementations: the least
  /// traffic says little, and only a profile that timed the kernel itself can tell its time.
  bool needs_own_time = false;
};

/// A row of the catalogue.
struct KernelInfo {
  KernelKind kind{};
  std::string_view name;  ///< "gemm_forward"; also the name in traces and in calibration files
  KernelFamily family{};
  KernelPass pass{};
  std::string_view report_class;  ///< "gemm", "attention", "softmax", "norm", "activation", ...
  std::array<std::string_view, kMostDims> dim_names;
  StreamingWork work;
  std::string_view description;
};

/// In the order of KernelKind.
std::span<const KernelInfo> kernel_table();
const KernelInfo& info(KernelKind kind);
/// How many dimensions a kernel of that row has.
std::size_t num_dims(const KernelInfo& row);

/// Arithmetic of the kernel as executed. Fused attention computes two products of
/// 2 * S_query * S_key * head_dim per head forward and five backward [Dao 2023, FlashAttention-2,
/// section 4.1]; causal ones only the visible scores, the last query seeing the last key: half of
/// them when S_query = S_key. A convolution is 2 images out_height out_width out_channels
/// in_channels window, of every pass, whatever the algorithm really computes.
Flops flops_of(const Kernel& kernel);

/// Least traffic to memory: every operand once, dropout masks and the bias of fused activations
/// left out. Products of fp8 operands are written with 2 bytes per element. Fused attention also
/// moves 4 bytes of log-sum-exp per query and head. Convolutions: images, weights and results, each
/// once, of every pass.
Bytes bytes_of(const Kernel& kernel);

/// "gemm_forward(m=2048, n=12288, k=1536, fp16)"; a batch of one is left out.
std::string to_text(const Kernel& kernel);

}  // namespace stepcast
