// What each kernel of the catalogue reads and writes, in which order and of which shape, and what
// it has to know besides its dimensions to compute real numbers. Operators and programs list
// operands in this order; launchers take them in this order; the verifier compares both.
//
// Matrices are row-major. Weights of linear layers are (outputs, inputs), as PyTorch stores them.
// Statistics, losses, moments, scales and norms are fp32, token ids, labels and indices 32-bit
// integers, masks and codes one byte per element; everything else has the kernel's dtype or, for
// gradient sums, its buffer's.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "sim/compute/kernels.h"

namespace stepcast {

enum class Access : std::uint8_t {
  kRead,
  kWrite,     ///< or adds to what is there, where the program says so
  kReadWrite  ///< updated in place
};

/// An extent of an operand, in the kernel's dimensions.
enum class Extent : std::int8_t {
  kDim0,
  kDim1,
  kDim2,
  kDim3,
  kDim4,
  kDim5,
  kOne,
  kAny,
  kElements,  ///< of the rows: rows * columns is dimension 0
};

struct OperandSlot {
  std::string_view name;
  Access access{};
  Extent rows{};
  Extent columns{};
  bool optional = false;
};

/// The operands of a kernel: `slots` once, but those from `repeated_from` on once for each piece,
/// where a kernel works through several tensors in one launch (optimizers). The pieces' elements
/// then add up to dimension 0 at the most.
struct Signature {
  std::span<const OperandSlot> slots;
  std::size_t repeated_from = kNever;
  static constexpr std::size_t kNever = ~std::size_t{0};

  bool repeats() const { return repeated_from != kNever; }
  const OperandSlot& slot(std::size_t operand) const {
    if (operand < slots.size() || !repeats()) return slots[operand];
    return slots[repeated_from + (operand - repeated_from) % (slots.size() - repeated_from)];
  }
};

///   gemm_forward         x (m,k), weight (n,k), [bias (1,n)] -> y (m,n), [row_maximum (1,m)]
///   gemm_dgrad           dy (m,k), weight (k,n) -> dx (m,n)
///   gemm_wgrad           x (k,m), dy (k,n) -> dweight (n,m), [dbias (1,n): sums of dy's columns]
///   batched_gemm_*       a (m,k), b (k,n) -> result (m,n), `batch` times
///   flash_attention_*    q (S_query,d), k, v (S_key,d), per sequence and head; o like q; log_sum
///                        (B heads, S_query): of the exponentials of the scaled scores
///   score_softmax_*      rows of S_key scores, B heads S_query of them
///   norm_*               x (T,H), weight (1,H); the backward pass computes the statistics again
///   swiglu_*             gate and value may be halves of one tensor
///   rotary_*             rows of heads; KernelArguments::rotated columns turn, the rest is copied
///   residual_dropout_*   y = residual + dropout(x + bias), or = dropout(x + positions[token])
///   embedding_*          rows of the table that this rank holds; other ids give and take nothing
///   cross_entropy_*      probabilities: exp(logit - row_maximum), not yet divided by `sums`;
///                        targets: the target's logit - row_maximum, 0 where another rank holds it.
///                        The loss is log(sums) - targets, summed over tokens and scaled.
///   adam, sgd            gradient times min(1, clip / norm), with `norm` the sum of squares
///   grad_norm            adds up the squares of all pieces
///   convolution_*        x (images, channels height width), weight (out, in window), NCHW
///   batch_norm_*         x (images, channels pixels); running statistics move by a tenth
///   *_pooling_*          x (planes, height width), y (planes, windows)
///   top_k, add_sparse    indices rise, and each is there once
///   quantize, dequantize one byte per element; `scales` (1,blocks)
///   lamb_*               `norms` (1,2) of each piece: sums of squares of its weights and its
///                        direction. Ranks that share a tensor add them up in between.
///   clip_gradient        times min(1, clip / norm), with `norm` the sum of squares
const Signature& signature_of(KernelKind kind);

/// What a kernel computes with besides its dimensions. None of it costs time.
struct KernelArguments {
  enum class Function : std::uint8_t { kGelu, kRelu, kSilu };

  double scale = 1;           ///< attention: of the scores; cross_entropy: of a token's loss
  std::int64_t sequence = 0;  ///< tokens of a sequence: rotary, positions, causal score_softmax
  std::int64_t head_dim = 0;  ///< rotary
  std::int64_t rotated = 0;   ///< rotary: columns of a row that turn
  /// cross_entropy: words of the vocabulary; the columns behind them pad it and get no probability.
  std::int64_t words = 0;
  bool causal = false;                  ///< score_softmax (fused attention: Kernel::causal)
  Function function = Function::kGelu;  ///< gelu: tanh form; swiglu: of the gate

  bool operator==(const KernelArguments&) const = default;
};

}  // namespace stepcast
