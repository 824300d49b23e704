// Scale, mask and softmax of the scores of unfused attention.
#pragma once

#include <cstdint>

namespace stepcast {

/// Scores and probabilities (matrices, queries, keys), dense; a matrix is one head of one sequence.
struct SoftmaxShape {
  std::int64_t matrices = 0;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  bool causal = false;  ///< query i sees keys 0 .. i + keys - queries: the last query sees them all
  float scale = 1;      ///< of the scores, before the softmax

  /// Keys that query `i` of a matrix sees.
  std::int64_t seen(std::int64_t i) const {
    if (!causal) return keys;
    const std::int64_t count = i + keys - queries + 1;
    return count < 0 ? 0 : count;
  }
};

namespace cpu {

/// p = softmax(scale * scores) over the keys seen, 0 for the others; p may be scores. A query that
/// sees nothing gets zeros.
template <typename T>
void softmax_forward(const SoftmaxShape& shape, const T* scores, T* p);

/// dscores = scale * p * (dp - sum of p * dp); dscores may be dp. Overwrites.
template <typename T>
void softmax_backward(const SoftmaxShape& shape, const T* p, const T* dp, T* dscores);

}  // namespace cpu
}  // namespace stepcast
