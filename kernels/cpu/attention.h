// Fused attention: softmax(scale * q k') v in tiles, so that no matrix of scores is ever in memory
// [Dao 2023, FlashAttention-2, algorithms 1 and 2]. Besides the result, forward keeps one
// log-sum-exp per query and head; backward computes the probabilities again from it.
//
// Unfused attention is made of gemm.h (batches of heads) and softmax.h.
#pragma once

#include <cstdint>

namespace stepcast {

struct AttentionShape {
  std::int64_t batch = 0;     ///< sequences
  std::int64_t heads = 0;     ///< of queries
  std::int64_t kv_heads = 0;  ///< of keys and values; divides heads: query head h reads key head
                              ///< h / (heads / kv_heads)
  std::int64_t queries = 0;   ///< tokens of a sequence that ask
  std::int64_t keys = 0;      ///< tokens of a sequence that are looked at
  std::int64_t head_dim = 0;
  bool causal = false;  ///< query i sees keys 0 .. i + keys - queries: the last query sees them all
  float scale = 1;      ///< usually 1 / sqrt(head_dim)
};

/// Where the heads of q, k, v or the result lie: element (sequence b, token t, head h, i) is
/// data[b * sequence + t * token + h * head + i]. Heads inside one projection of all three, row
/// (q0 .. qn, k0 .. km, v0 .. vm) of width W per token: token = W, sequence = tokens * W, head =
/// head_dim, and data points to q0, k0 or v0.
template <typename T>
struct HeadsView {
  T* data = nullptr;
  std::int64_t sequence = 0;
  std::int64_t token = 0;
  std::int64_t head = 0;

  T* at(std::int64_t b, std::int64_t t, std::int64_t h) const {
    return data + b * sequence + t * token + h * head;
  }
};

namespace cpu {

/// Overwrites out and log_sums (batch, heads, queries), dense: the logarithm of the sum of
/// e^(scale * score). A query that sees no key gets zeros and minus infinity.
void attention_forward(const AttentionShape& shape, HeadsView<const float> q,
                       HeadsView<const float> k, HeadsView<const float> v, HeadsView<float> out,
                       float* log_sums);

/// Overwrites dq, dk and dv, which may lie inside one buffer but not over q, k, v, out or dout.
void attention_backward(const AttentionShape& shape, HeadsView<const float> q,
                        HeadsView<const float> k, HeadsView<const float> v,
                        HeadsView<const float> out, const float* log_sums,
                        HeadsView<const float> dout, HeadsView<float> dq, HeadsView<float> dk,
                        HeadsView<float> dv);

/// The same on 16-bit tensors (T is Bf16 or Fp16), one sequence after the other: widened to fp32,
/// and the results rounded once. `workspace` holds attention_workspace(shape) floats.
template <typename T>
void attention_forward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                       HeadsView<const T> v, HeadsView<T> out, float* log_sums, float* workspace);
template <typename T>
void attention_backward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                        HeadsView<const T> v, HeadsView<const T> out, const float* log_sums,
                        HeadsView<const T> dout, HeadsView<T> dq, HeadsView<T> dk, HeadsView<T> dv,
                        float* workspace);

/// Floats that q, k, v, the result and the gradients of these take for one sequence.
std::int64_t attention_workspace(const AttentionShape& shape);

}  // namespace cpu
}  // namespace stepcast
