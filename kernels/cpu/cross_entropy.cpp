#include "kernels/cpu/cross_entropy.h"

#include <algorithm>
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

template <typename T>
STEPCAST_VECTORIZED float maximum_of(std::int64_t n, const T* x, const T* bias) {
  float top = std::numeric_limits<float>::lowest();
  if (!bias) {
#pragma omp simd reduction(max : top)
    for (std::int64_t c = 0; c < n; ++c) top = widened(x[c]) > top ? widened(x[c]) : top;
    return top;
  }
#pragma omp simd reduction(max : top)
  for (std::int64_t c = 0; c < n; ++c) {
    const float y = widened(x[c]) + widened(bias[c]);
    top = y > top ? y : top;
  }
  return top;
}

/// y = e^(x + bias - maximum); returns the sum.
template <typename T>
STEPCAST_VECTORIZED float exponentials_of(std::int64_t n, const T* x, const T* bias, float maximum,
                                          float* y) {
  float sum = 0;
  if (!bias) {
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < n; ++c) sum += y[c] = fast_exp(widened(x[c]) - maximum);
    return sum;
  }
#pragma omp simd reduction(+ : sum)
  for (std::int64_t c = 0; c < n; ++c)
    sum += y[c] = fast_exp(widened(x[c]) + widened(bias[c]) - maximum);
  return sum;
}

template <typename T>
STEPCAST_VECTORIZED void scaled(std::int64_t n, float factor, const float* x, T* y) {
#pragma omp simd
  for (std::int64_t c = 0; c < n; ++c) store(y[c], factor * x[c]);
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

template <typename T>
void row_maxima_of_words(const CrossEntropyShape& shape, std::int64_t words, const T* logits,
                         const T* bias, float* maxima) {
  for (std::int64_t t = 0; t < shape.tokens; ++t)
    maxima[t] = maximum_of(words, logits + t * shape.columns(), bias);
}

template <typename T>
void exp_rows(const CrossEntropyShape& shape, std::int64_t words, const T* logits, const T* bias,
              const std::int32_t* targets, const float* maxima, float* exponentials, float* sums,
              float* picked) {
  for (std::int64_t t = 0; t < shape.tokens; ++t) {
    const T* row = logits + t * shape.columns();
    const std::int64_t target = targets[t] - shape.first;
    picked[t] = target >= 0 && target < words
                    ? widened(row[target]) + (bias ? widened(bias[target]) : 0.0f) - maxima[t]
                    : 0.0f;
    float* result = exponentials + t * shape.columns();
    sums[t] = exponentials_of(words, row, bias, maxima[t], result);
    std::fill(result + words, result + shape.columns(), 0.0f);
  }
}

template <typename T>
void cross_entropy_gradient(const CrossEntropyShape& shape, const float* exponentials,
                            const std::int32_t* targets, const float* sums, float scale,
                            T* dlogits) {
  for (std::int64_t t = 0; t < shape.tokens; ++t) {
    const float* from = exponentials + t * shape.columns();
    T* row = dlogits + t * shape.columns();
    const float factor = scale / sums[t];
    // The target's column is set from fp32, not from what was rounded to T.
    const std::int64_t target = targets[t] - shape.first;
    const float of_target = shape.holds(targets[t]) ? factor * from[target] - scale : 0.0f;
    scaled(shape.columns(), factor, from, row);
    if (shape.holds(targets[t])) store(row[target], of_target);
  }
}

double sum_of_losses(std::int64_t tokens, const float* sums, const float* picked) {
  double total = 0;
  for (std::int64_t t = 0; t < tokens; ++t)
    total += std::log(static_cast<double>(sums[t])) - static_cast<double>(picked[t]);
  return total;
}

#define STEPCAST_INSTANTIATE(T)                                                                 \
  template void row_maxima(const CrossEntropyShape&, const T*, float*);                         \
  template void exp_sums(const CrossEntropyShape&, const T*, const std::int32_t*, const float*, \
                         float*, float*);                                                       \
  template void cross_entropy_backward(const CrossEntropyShape&, const T*, const std::int32_t*, \
                                       const float*, const float*, float, T*);                  \
  template void row_maxima_of_words(const CrossEntropyShape&, std::int64_t, const T*, const T*, \
                                    float*);                                                    \
  template void exp_rows(const CrossEntropyShape&, std::int64_t, const T*, const T*,            \
                         const std::int32_t*, const float*, float*, float*, float*);            \
  template void cross_entropy_gradient(const CrossEntropyShape&, const float*,                  \
                                       const std::int32_t*, const float*, float, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
