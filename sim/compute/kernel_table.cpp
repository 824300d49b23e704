// The table of kernels. A new kernel is an enumerator and a row here; what streams through memory
// needs nothing else, a new kind of product also needs its formula in kernels.cpp.
#include <algorithm>

#include "sim/base/error.h"
#include "sim/compute/kernels.h"

namespace stepcast {
namespace {

using enum KernelKind;
using enum KernelFamily;
using enum KernelPass;
using DimNames = std::array<std::string_view, kMostDims>;

constexpr DimNames kGemmDims = {"m", "n", "k", "batch"};
constexpr DimNames kHeads = {"batch", "heads", "kv_heads", "seq_query", "seq_key", "head_dim"};
constexpr DimNames kElements = {"elements"};
constexpr DimNames kTokensHidden = {"tokens", "hidden"};
constexpr DimNames kTokensVocab = {"tokens", "vocab"};
constexpr DimNames kConvolutionDims = {"images",       "in_channels",  "height",
                                       "width",        "out_channels", "window_height",
                                       "window_width", "stride",       "padding"};
constexpr DimNames kChannels = {"images", "channels", "pixels"};
constexpr DimNames kPoolingDims = {"planes", "height", "width", "window", "stride", "padding"};
constexpr DimNames kKept = {"elements", "kept"};
constexpr DimNames kBlocked = {"elements", "block"};
using Counts = StreamingWork::Counts;

// Flops per element count each add, multiply, comparison, division and exp as one. They are small
// beside the traffic, so a rounded count is enough; the operands are exact.
// clang-format off
constexpr auto kTable = std::to_array<KernelInfo>({
    {kGemmForward, "gemm_forward", kGemm, kForward, "gemm", kGemmDims, {},
     "y = x w"},
    {kGemmDgrad, "gemm_dgrad", kGemm, kBackward, "gemm", kGemmDims, {},
     "dx = dy w'"},
    {kGemmWgrad, "gemm_wgrad", kGemm, kBackward, "gemm", kGemmDims, {},
     "dw += x' dy, in fp32"},
    {kBatchedGemmForward, "batched_gemm_forward", kBatchedGemm, kForward, "attention", kGemmDims, {},
     "scores q k', or context p v, of unfused attention"},
    {kBatchedGemmBackward, "batched_gemm_backward", kBatchedGemm, kBackward, "attention", kGemmDims, {},
     "one gradient product of unfused attention"},
    {kFlashAttentionForward, "flash_attention_forward", kAttention, kForward, "attention", kHeads, {},
     "fused softmax(q k') v"},
    {kFlashAttentionBackward, "flash_attention_backward", kAttention, kBackward, "attention", kHeads, {},
     "dq, dk, dv of fused attention, scores recomputed"},

    // Scale, mask, maximum, subtract, exp, sum, divide, dropout: scores in, probabilities out.
    {kScoreSoftmaxForward, "score_softmax_forward", kMemoryBound, kForward, "softmax", kElements,
     {.flops = 8, .operands = 2}, "scale, mask, softmax and dropout of attention scores"},
    // Probabilities and their gradient in, gradient of the scores out.
    {kScoreSoftmaxBackward, "score_softmax_backward", kMemoryBound, kBackward, "softmax", kElements,
     {.flops = 6, .operands = 3}, "gradient of the attention scores"},

    // x in, y out; mean and 1/deviation in fp32 per token; weight and bias.
    {kLayerNormForward, "layer_norm_forward", kMemoryBound, kForward, "norm", kTokensHidden,
     {.flops = 8, .operands = 2, .row_bytes = 8, .vectors = 2}, "layer norm"},
    // x and dy in, dx out; both statistics; weight in, gradients of weight and bias out.
    {kLayerNormBackward, "layer_norm_backward", kMemoryBound, kBackward, "norm", kTokensHidden,
     {.flops = 14, .operands = 3, .row_bytes = 8, .vectors = 3}, "gradients of a layer norm"},
    // No mean and no bias.
    {kRmsNormForward, "rms_norm_forward", kMemoryBound, kForward, "norm", kTokensHidden,
     {.flops = 4, .operands = 2, .row_bytes = 4, .vectors = 1}, "RMS norm"},
    {kRmsNormBackward, "rms_norm_backward", kMemoryBound, kBackward, "norm", kTokensHidden,
     {.flops = 10, .operands = 3, .row_bytes = 4, .vectors = 2}, "gradients of an RMS norm"},

    // x in, y out; backward x and dy in, dx out.
    {kGeluForward, "gelu_forward", kMemoryBound, kForward, "activation", kElements,
     {.flops = 10, .operands = 2}, "bias and GELU, or another function of one input"},
    {kGeluBackward, "gelu_backward", kMemoryBound, kBackward, "activation", kElements,
     {.flops = 18, .operands = 3}, "gradient of bias and GELU"},
    // Gate and value in, product out; backward both and dy in, their two gradients out.
    {kSwigluForward, "swiglu_forward", kMemoryBound, kForward, "activation", kElements,
     {.flops = 5, .operands = 3}, "silu(gate) * value"},
    {kSwigluBackward, "swiglu_backward", kMemoryBound, kBackward, "activation", kElements,
     {.flops = 11, .operands = 5}, "gradients of silu(gate) * value"},

    // The table of sines and cosines is small and stays in cache.
    {kRotaryForward, "rotary_forward", kMemoryBound, kForward, "rotary", kElements,
     {.flops = 3, .operands = 2}, "rotary position embedding of queries and keys"},
    {kRotaryBackward, "rotary_backward", kMemoryBound, kBackward, "rotary", kElements,
     {.flops = 3, .operands = 2}, "the inverse rotation of the gradients"},
    // x and residual in, sum out. Backward, the residual's gradient is dy itself: only the dropped
    // branch is written.
    {kResidualDropoutForward, "residual_dropout_forward", kMemoryBound, kForward, "residual", kElements,
     {.flops = 4, .operands = 3}, "bias, dropout and residual addition"},
    {kResidualDropoutBackward, "residual_dropout_backward", kMemoryBound, kBackward, "residual", kElements,
     {.flops = 2, .operands = 2}, "gradient of bias and dropout"},

    // Rows of the table in, rows of the activation out; a 64-bit token id each. Backward dy in, rows
    // of the gradient read and written.
    {kEmbeddingForward, "embedding_forward", kMemoryBound, kForward, "embedding", kTokensHidden,
     {.operands = 2, .row_bytes = 8}, "gather of embedding rows"},
    {kEmbeddingBackward, "embedding_backward", kMemoryBound, kBackward, "embedding", kTokensHidden,
     {.flops = 1, .operands = 3, .row_bytes = 8}, "scatter-add into the embedding's gradient"},
    // Logits in, probabilities out; a 64-bit target and an fp32 loss per token.
    {kCrossEntropyForward, "cross_entropy_forward", kMemoryBound, kForward, "loss", kTokensVocab,
     {.flops = 5, .operands = 2, .row_bytes = 12}, "softmax of the logits and the loss"},
    {kCrossEntropyBackward, "cross_entropy_backward", kMemoryBound, kBackward, "loss", kTokensVocab,
     {.flops = 2, .operands = 2, .row_bytes = 12}, "gradient of the logits"},

    {kCopy, "copy", kMemoryBound, kForward, "copy", kElements,
     {.operands = 2}, "transpose, cast or concatenation"},
    // Gradient in; fp32 sum read and written.
    {kAccumulate, "accumulate", kMemoryBound, kBackward, "copy", kElements,
     {.flops = 1, .operands = 1, .bytes = 8}, "adds a gradient to its fp32 sum"},
    {kAddGradient, "add_gradient", kMemoryBound, kBackward, "copy", kElements,
     {.flops = 1, .operands = 3}, "adds a gradient to a sum of its own type"},
    // fp32 gradient read; fp32 weight and both moments read and written: 4 + 3 * 8 bytes. bytes_of
    // adds the copy in the dtype of the GEMMs.
    {kAdam, "adam", kMemoryBound, kUpdate, "optimizer", kElements,
     {.flops = 16, .bytes = 28, .low_precision_copy = true}, "Adam step on fp32 state"},
    // fp32 gradient read; fp32 weight and momentum read and written: 4 + 2 * 8 bytes, and the copy.
    {kSgd, "sgd", kMemoryBound, kUpdate, "optimizer", kElements,
     {.flops = 5, .bytes = 20, .low_precision_copy = true}, "step of gradient descent with momentum"},
    {kGradNorm, "grad_norm", kMemoryBound, kUpdate, "optimizer", kElements,
     {.flops = 2, .operands = 1}, "sum of squares of the gradients"},

    {kConvolutionForward, "convolution_forward", kConvolution, kForward, "convolution", kConvolutionDims, {},
     "convolution of images"},
    {kConvolutionDgrad, "convolution_dgrad", kConvolution, kBackward, "convolution", kConvolutionDims, {},
     "gradient of a convolution's input"},
    {kConvolutionWgrad, "convolution_wgrad", kConvolution, kBackward, "convolution", kConvolutionDims, {},
     "gradient of a convolution's weights"},
    // x in, y out; gain, bias and both running statistics. The statistics of the batch need a pass
    // of their own over x.
    {kBatchNormForward, "batch_norm_forward", kMemoryBound, kForward, "norm", kChannels,
     {.flops = 6, .operands = 2, .vectors = 6, .needs_own_time = true}, "batch norm of images"},
    // x and dy in, dx out; gain in, gradients of gain and bias out.
    {kBatchNormBackward, "batch_norm_backward", kMemoryBound, kBackward, "norm", kChannels,
     {.flops = 13, .operands = 3, .vectors = 3, .needs_own_time = true}, "gradients of a batch norm"},
    {kMaxPoolingForward, "max_pooling_forward", kMemoryBound, kForward, "pooling", kPoolingDims,
     {.flops = 1, .operands = 1, .counts = Counts::kWindows, .few_operands = 1, .needs_own_time = true},
     "maximum of each window of an image"},
    // x and dy in, dx out: the maximum is found again.
    {kMaxPoolingBackward, "max_pooling_backward", kMemoryBound, kBackward, "pooling", kPoolingDims,
     {.flops = 1, .operands = 2, .counts = Counts::kWindows, .few_operands = 1, .needs_own_time = true},
     "gradient of the windows' maxima"},
    {kAveragePoolingForward, "average_pooling_forward", kMemoryBound, kForward, "pooling", kPoolingDims,
     {.flops = 1, .operands = 1, .counts = Counts::kWindows, .few_operands = 1, .needs_own_time = true},
     "average of each window of an image"},
    {kAveragePoolingBackward, "average_pooling_backward", kMemoryBound, kBackward, "pooling", kPoolingDims,
     {.flops = 1, .operands = 1, .counts = Counts::kWindows, .few_operands = 1, .needs_own_time = true},
     "gradient of the windows' averages"},

    // x in; a 32-bit index and a value out for each that is kept.
    {kTopK, "top_k", kMemoryBound, kBackward, "compression", kKept,
     {.flops = 1, .operands = 1, .counts = Counts::kKept, .few_operands = 1, .few_bytes = 4, .needs_own_time = true},
     "the gradient's largest elements, as indices and values"},
    // Index and value in, an element read and written.
    {kAddSparse, "add_sparse", kMemoryBound, kBackward, "compression", kKept,
     {.counts = Counts::kKept, .few_operands = 3, .few_bytes = 4, .needs_own_time = true},
     "adds what top_k found to a gradient"},
    // x in, a byte out for each element, an fp32 scale for each block.
    {kQuantize, "quantize", kMemoryBound, kBackward, "compression", kBlocked,
     {.flops = 4, .operands = 1, .bytes = 1, .counts = Counts::kBlocks, .few_bytes = 4, .needs_own_time = true},
     "gradients to 8-bit integers, a scale for each block"},
    {kDequantize, "dequantize", kMemoryBound, kBackward, "compression", kBlocked,
     {.flops = 1, .operands = 1, .bytes = 1, .counts = Counts::kBlocks, .few_bytes = 4, .needs_own_time = true},
     "the integers back to gradients"},

    // fp32 gradient and weight read, both moments read and written, direction written.
    {kLambDirection, "lamb_direction", kMemoryBound, kUpdate, "optimizer", kElements,
     {.flops = 18, .bytes = 28}, "moments, direction and norms of a LAMB step"},
    // Direction read, weight read and written, and the copy.
    {kLambApply, "lamb_apply", kMemoryBound, kUpdate, "optimizer", kElements,
     {.flops = 2, .bytes = 12, .low_precision_copy = true}, "the step along LAMB's direction"},
    {kClipGradient, "clip_gradient", kMemoryBound, kUpdate, "optimizer", kElements,
     {.flops = 1, .operands = 2}, "scales gradients of too large a norm"},
});
// clang-format on

}  // namespace

std::span<const KernelInfo> kernel_table() { return kTable; }

const KernelInfo& info(KernelKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  STEPCAST_CHECK(index < kTable.size() && kTable[index].kind == kind,
                 "the kernel table is not in the order of KernelKind");
  return kTable[index];
}

std::size_t num_dims(const KernelInfo& row) {
  return static_cast<std::size_t>(std::ranges::find(row.dim_names, "") - row.dim_names.begin());
}

}  // namespace stepcast
