#include "kernels/cpu/softmax.h"

#include <algorithm>

#include "kernels/cpu/element.h"
#include "kernels/cpu/vector_math.h"

namespace stepcast::cpu {
namespace {

/// The first `seen` of `keys` columns take part, the others become 0.
template <typename T>
STEPCAST_INLINE void softmax_row(std::int64_t keys, std::int64_t seen, float scale, const T* scores,
                                 T* p) {
  float top = -3.4e38f;
#pragma omp simd reduction(max : top)
  for (std::int64_t c = 0; c < seen; ++c) {
    const float x = scale * widened(scores[c]);
    top = x > top ? x : top;
  }
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < seen; ++c) {
    const float e = fast_exp(scale * widened(scores[c]) - top);
    store(p[c], e);
    sum += e;
  }
  const float inverse = 1 / sum;
#pragma omp simd
  for (std::int64_t c = 0; c < seen; ++c) store(p[c], widened(p[c]) * inverse);
  for (std::int64_t c = seen; c < keys; ++c) store(p[c], 0.0f);
}

template <typename T>
STEPCAST_VECTORIZED void forward(const SoftmaxShape& shape, const T* scores, T* p) {
  for (std::int64_t r = 0; r < shape.matrices * shape.queries; ++r)
    softmax_row(shape.keys, shape.seen(r % shape.queries), shape.scale, scores + r * shape.keys,
                p + r * shape.keys);
}

template <typename T>
STEPCAST_VECTORIZED void backward(const SoftmaxShape& shape, const T* p, const T* dp, T* dscores) {
  for (std::int64_t r = 0; r < shape.matrices * shape.queries; ++r) {
    const std::int64_t row = r * shape.keys;
    const std::int64_t seen = std::min(shape.seen(r % shape.queries), shape.keys);
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (std::int64_t c = row; c < row + seen; ++c) dot += widened(p[c]) * widened(dp[c]);
#pragma omp simd
    for (std::int64_t c = row; c < row + seen; ++c)
      store(dscores[c], shape.scale * widened(p[c]) * (widened(dp[c]) - dot));
    for (std::int64_t c = row + seen; c < row + shape.keys; ++c) store(dscores[c], 0.0f);
  }
}

}  // namespace

template <typename T>
void softmax_forward(const SoftmaxShape& shape, const T* scores, T* p) {
  forward(shape, scores, p);
}

template <typename T>
void softmax_backward(const SoftmaxShape& shape, const T* p, const T* dp, T* dscores) {
  backward(shape, p, dp, dscores);
}

#define STEPCAST_INSTANTIATE(T)                                     \
  template void softmax_forward(const SoftmaxShape&, const T*, T*); \
  template void softmax_backward(const SoftmaxShape&, const T*, const T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
