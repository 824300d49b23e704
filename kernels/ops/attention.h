// Fused attention on a GPU, our own flash kernels [Dao 2023, FlashAttention-2, algorithms 1 and 2]:
// kernels/cpu/attention.h says what they compute, and how heads lie. T is Bf16 or Fp16, on tensor
// cores (mma.m16n8k16) with fp32 sums, or float, on fp32 units. Probabilities and gradients of
// scores are rounded to T before they are multiplied. head_dim is a multiple of 8, at most 128, and
// q, k, v, out and gradients of 16-bit tensors lie at multiples of 16 bytes, token by token and
// head by head; anything else is computed by the fp32 kernels, which take any head_dim up to 256.
#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// Overwrites out and log_sums (batch, heads, queries), dense: the logarithm of the sum of
/// e^(scale * score). A query that sees no key gets zeros and minus infinity. Throws
/// Error(kUnsupported) for a head_dim of more than 256.
template <typename T>
void attention_forward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                       HeadsView<const T> v, HeadsView<T> out, float* log_sums,
                       DeviceContext& context);

/// Overwrites dq, dk and dv, which may lie inside one buffer but not over q, k, v, out or dout. One
/// kernel goes through the keys of each query for dq, another through the queries of each key for
/// dk and dv: seven products instead of five, and no atomics, so results repeat to the bit.
template <typename T>
void attention_backward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                        HeadsView<const T> v, HeadsView<const T> out, const float* log_sums,
                        HeadsView<const T> dout, HeadsView<T> dq, HeadsView<T> dk, HeadsView<T> dv,
                        DeviceContext& context);

}  // namespace stepcast::cuda
