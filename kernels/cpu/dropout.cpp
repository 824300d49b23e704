#include "kernels/cpu/dropout.h"

#include <algorithm>
#include <array>

#include "kernels/cpu/element.h"

namespace stepcast {
namespace {

/// Philox-4x32-10: ten rounds of two multiplications, a key that grows by two Weyl constants.
STEPCAST_INLINE void philox_rounds(std::uint64_t counter, std::uint64_t key, std::uint32_t* words) {
  std::uint32_t x0 = static_cast<std::uint32_t>(counter);
  std::uint32_t x1 = static_cast<std::uint32_t>(counter >> 32);
  std::uint32_t x2 = 0, x3 = 0;
  auto key0 = static_cast<std::uint32_t>(key), key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53} * x0;
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57} * x2;
    x0 = static_cast<std::uint32_t>(product1 >> 32) ^ x1 ^ key0;
    x1 = static_cast<std::uint32_t>(product1);
    x2 = static_cast<std::uint32_t>(product0 >> 32) ^ x3 ^ key1;
    x3 = static_cast<std::uint32_t>(product0);
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  words[0] = x0;
  words[1] = x1;
  words[2] = x2;
  words[3] = x3;
}

/// Words of a stretch of elements are drawn this many counters at a time.
constexpr std::int64_t kCounters = 64;
using Words = std::array<std::uint32_t, kCounters * 4>;

STEPCAST_VECTORIZED void draw(std::uint64_t first_counter, std::uint64_t key, Words& words) {
  for (std::int64_t i = 0; i < kCounters; ++i)
    philox_rounds(first_counter + static_cast<std::uint64_t>(i), key, words.data() + i * 4);
}

/// Calls visit(begin, count, words) for stretches of `cols` elements, the first of which has
/// `index`; words[i] belongs to element begin + i. Draws nothing when nothing is dropped.
template <typename Visit>
void for_words(const Dropout& dropout, std::uint64_t index, std::int64_t cols, Visit visit) {
  Words words{};
  for (std::int64_t begin = 0; begin < cols;) {
    const std::uint64_t at = index + static_cast<std::uint64_t>(begin);
    const auto offset = static_cast<std::int64_t>(at % 4);
    const std::int64_t count = std::min(cols - begin, kCounters * 4 - offset);
    if (dropout.probability > 0) draw(at / 4, dropout.seed, words);
    visit(begin, count, words.data() + offset);
    begin += count;
  }
}

/// What an element that is kept, or dropped, is multiplied by.
struct Keep {
  explicit Keep(const Dropout& dropout)
      : threshold(dropout_threshold(dropout.probability)),
        scale(static_cast<float>(1 / (1 - dropout.probability))) {}
  STEPCAST_INLINE float factor(std::uint32_t word) const { return word >= threshold ? scale : 0; }

  std::uint32_t threshold;
  float scale;
};

template <bool kBias, bool kResidual, typename T>
STEPCAST_VECTORIZED void forward_part(std::int64_t n, const std::uint32_t* words, Keep keep,
                                      const T* x, const T* bias, const T* residual, T* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float biased = widened(x[i]) + (kBias ? widened(bias[i]) : 0.0f);
    store(y[i], (kResidual ? widened(residual[i]) : 0.0f) + keep.factor(words[i]) * biased);
  }
}

template <bool kBias, bool kResidual, typename T>
void forward(const DropoutShape& shape, const Dropout& dropout, const T* x, const T* bias,
             const T* residual, T* y) {
  const Keep keep(dropout);
  for (std::int64_t r = 0; r < shape.rows; ++r)
    for_words(dropout, shape.index_of_row(r), shape.cols,
              [&](std::int64_t begin, std::int64_t count, const std::uint32_t* words) {
                const std::int64_t at = r * shape.cols + begin;
                forward_part<kBias, kResidual>(count, words, keep, x + at,
                                               kBias ? bias + begin : bias,
                                               kResidual ? residual + at : residual, y + at);
              });
}

template <bool kBias, typename T>
STEPCAST_VECTORIZED void backward_part(std::int64_t n, const std::uint32_t* words, Keep keep,
                                       const T* dy, T* dx, float* dbias) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) {
    const float d = keep.factor(words[i]) * widened(dy[i]);
    store(dx[i], d);
    if constexpr (kBias) dbias[i] += d;
  }
}

}  // namespace

std::uint64_t DropoutShape::index_of_row(std::int64_t r) const {
  const std::int64_t row = rows_per_block == 0
                               ? first_row + r
                               : first_row + r / rows_per_block * block_stride + r % rows_per_block;
  return static_cast<std::uint64_t>(row * (global_cols == 0 ? cols : global_cols) + first_col);
}

void philox(std::uint64_t counter, std::uint64_t key, std::uint32_t words[4]) {
  philox_rounds(counter, key, words);
}

std::uint32_t dropout_threshold(double probability) {
  return static_cast<std::uint32_t>(std::min(probability * 4294967296.0, 4294967295.0));
}

namespace cpu {

template <typename T>
void residual_dropout_forward(const DropoutShape& shape, const Dropout& dropout, const T* x,
                              const T* bias, const T* residual, T* y) {
  if (bias && residual)
    forward<true, true>(shape, dropout, x, bias, residual, y);
  else if (bias)
    forward<true, false>(shape, dropout, x, bias, residual, y);
  else if (residual)
    forward<false, true>(shape, dropout, x, bias, residual, y);
  else
    forward<false, false>(shape, dropout, x, bias, residual, y);
}

template <typename T>
void residual_dropout_backward(const DropoutShape& shape, const Dropout& dropout, const T* dy,
                               T* dx, float* dbias) {
  const Keep keep(dropout);
  for (std::int64_t r = 0; r < shape.rows; ++r)
    for_words(dropout, shape.index_of_row(r), shape.cols,
              [&](std::int64_t begin, std::int64_t count, const std::uint32_t* words) {
                const std::int64_t at = r * shape.cols + begin;
                if (dbias)
                  backward_part<true>(count, words, keep, dy + at, dx + at, dbias + begin);
                else
                  backward_part<false>(count, words, keep, dy + at, dx + at, dbias);
              });
}

#define STEPCAST_INSTANTIATE(T)                                                                   \
  template void residual_dropout_forward(const DropoutShape&, const Dropout&, const T*, const T*, \
                                         const T*, T*);                                           \
  template void residual_dropout_backward(const DropoutShape&, const Dropout&, const T*, T*,      \
                                          float*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace cpu
}  // namespace stepcast
