#include "kernels/cpu/cross_entropy.h"

#include <cmath>
#include <limits>

#include "kernels/cpu/element.h"
#include "kernels/cpu/vector_math.h"

namespace stepcast::cpu {
namespace {

template <typename T>
STEPCAST_VECTORIZED void maxima_of_rows(std::int64_t rows, std::int64_t cols, const T* x,
                                        float* maxima) {
  for (std::int64_t r = 0; r < rows; ++r, x += cols) {
    float top = std::numeric_limits<float>::lowest();
#pragma omp simd reduction(max : top)
    for (std::int64_t c = 0; c < cols; ++c) top = widened(x[c]) > top ? widened(x[c]) : top;
    maxima[r] = top;
  }
}

template <typename T>
STEPCAST_VECTORIZED void exp_sums_of_rows(std::int64_t rows, std::int64_t cols, const T* x,
                                          const float* maxima, float* sums) {
  for (std::int64_t r = 0; r < rows; ++r, x += cols) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < cols; ++c) sum += fast_exp(widened(x[c]) - maxima[r]);
    sums[r] = sum;
  }
}

/// y = factor * e^(x - maximum).
template <typename T>
STEPCAST_VECTORIZED void scaled_exp(std::int64_t n, float factor, float maximum, const T* x, T* y) {
#pragma omp simd
  for (std::int64_t c = 0; c < n; ++c) store(y[c], factor * fast_exp(widened(x[c]) - maximum));
}

}  // namespace

template <typename T>
void row_maxima(const CrossEntropyShape& shape, const T* logits, float* maxima) {
  maxima_of_rows(shape.tokens, shape.columns(), logits, maxima);
}

template <typename T>
void exp_sums(const CrossEntropyShape& shape, const T* logits, const std::int32_t* targets,
              const float* maxima, float* sums, float* picked) {
  exp_sums_of_rows(shape.tokens, shape.columns(), logits, maxima, sums);
  for (std::int64_t t = 0; t < shape.tokens; ++t)
    picked[t] = shape.holds(targets[t])
                    ? widened(logits[t * shape.columns() + targets[t] - shape.first]) - maxima[t]
                    : 0.0f;
}

void losses(const CrossEntropyShape& shape, const std::int32_t* targets, const float* sums,
            const float* picked, float* losses) {
  for (std::int64_t t = 0; t < shape.tokens; ++t)
    losses[t] = targets[t] < 0 ? 0.0f : std::log(sums[t]) - picked[t];
}

template <typename T>
void cross_entropy_backward(const CrossEntropyShape& shape, const T* logits,
                            const std::int32_t* targets, const float* maxima, const float* sums,
                            float scale, T* dlogits) {
  const std::int64_t columns = shape.columns();
  for (std::int64_t t = 0; t < shape.tokens; ++t) {
    const float factor = targets[t] < 0 ? 0.0f : scale / sums[t];
    // The target's column is set from fp32, not from what was rounded to T.
    const std::int64_t target = targets[t] - shape.first;
    float of_target = 0;
    if (shape.holds(targets[t]))
      of_target = factor * fast_exp(widened(logits[t * columns + target]) - maxima[t]) - scale;
    scaled_exp(columns, factor, maxima[t], logits + t * columns, dlogits + t * columns);
    if (shape.holds(targets[t])) store(dlogits[t * columns + target], of_target);
  }
}

#define STEPCAST_INSTANTIATE(T)                                                                 \
  template void row_maxima(const CrossEntropyShape&, const T*, float*);                         \
  template void exp_sums(const CrossEntropyShape&, const T*, const std::int32_t*, const float*, \
                         float*, float*);                                                       \
  template void cross_entropy_backward(const CrossEntropyShape&, const T*, const std::int32_t*, \
                                       const float*, const float*, float, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
