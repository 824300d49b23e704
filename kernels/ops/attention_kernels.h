// Between the files of fused attention (attention.h is what others use).
#pragma once

#include "kernels/ops/attention.h"

namespace stepcast::cuda {

/// All operands of a backward pass; a forward pass fills what it has.
template <typename T>
struct AttentionOperands {
  HeadsView<const T> q = {}, k = {}, v = {}, out = {}, dout = {};
  HeadsView<T> result = {}, dq = {}, dk = {}, dv = {};
  float* log_sums = nullptr;
  const float* deltas = nullptr;  ///< (batch, heads, queries): sums of out * dout over the head
};

/// On fp32 units; head_dim up to 256.
template <typename T>
void attention_forward_fp32(const AttentionShape& shape, const AttentionOperands<T>& operands,
                            StreamHandle stream);
template <typename T>
void attention_backward_fp32(const AttentionShape& shape, const AttentionOperands<T>& operands,
                             StreamHandle stream);

/// On tensor cores; T is Bf16 or Fp16, head_dim a multiple of 8 up to 128, all views at multiples
/// of 16 bytes.
template <typename T>
void attention_forward_mma(const AttentionShape& shape, const AttentionOperands<T>& operands,
                           StreamHandle stream);
template <typename T>
void attention_backward_mma(const AttentionShape& shape, const AttentionOperands<T>& operands,
                            StreamHandle stream);

/// Keys that query i sees are 0 .. i + keys - queries in a causal mask, all otherwise.
#ifdef __CUDACC__
__host__ __device__
#endif
    inline std::int64_t
    keys_seen(const AttentionShape& shape, std::int64_t query) {
  const std::int64_t count = shape.causal ? query + 1 + shape.keys - shape.queries : shape.keys;
  return count < 0 ? 0 : count < shape.keys ? count : shape.keys;
}

/// The first query that sees a key.
#ifdef __CUDACC__
__host__ __device__
#endif
    inline std::int64_t
    first_query(const AttentionShape& shape, std::int64_t key) {
  const std::int64_t first = shape.causal ? key + shape.queries - shape.keys : 0;
  return first < 0 ? 0 : first;
}

}  // namespace stepcast::cuda
