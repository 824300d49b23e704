// Cross-entropy of logits, whole or split over ranks by columns of the vocabulary.
//
// The split form is that of Megatron-LM (Shoeybi et al. 2019, section 3), with a reduction over the
// ranks after each of the first two steps; on one rank the steps simply follow each other:
//   1. row_maxima          m[t]                         reduce with maximum
//   2. exp_sums            sums[t] and picked[t]        reduce with sum
//   3. losses              log(sums[t]) - picked[t]
//   backward               from m and sums, without communication
#pragma once

#include <cstdint>

namespace stepcast {

/// This rank holds columns first .. last - 1 of the logits: logits (tokens, last - first), dense.
/// targets (tokens) are columns of the whole vocabulary; a negative target is left out: its loss
/// and its gradient are 0.
struct CrossEntropyShape {
  std::int64_t tokens = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;

  std::int64_t columns() const { return last - first; }
  bool holds(std::int32_t target) const { return target >= first && target < last; }
};

namespace cpu {

/// maxima (tokens).
template <typename T>
void row_maxima(const CrossEntropyShape& shape, const T* logits, float* maxima);

/// sums[t] = sum over columns of e^(logit - maxima[t]); picked[t] = logit of the target -
/// maxima[t], or 0 where another rank holds it. Overwrites both; laid one after the other, one
/// collective reduces them.
template <typename T>
void exp_sums(const CrossEntropyShape& shape, const T* logits, const std::int32_t* targets,
              const float* maxima, float* sums, float* picked);

/// losses[t] = log(sums[t]) - picked[t]. losses may be picked.
void losses(const CrossEntropyShape& shape, const std::int32_t* targets, const float* sums,
            const float* picked, float* losses);

/// dlogits = scale * (e^(logit - maxima) / sums - [column is the target]); scale is the gradient of
/// the mean loss, one over the number of tokens that count. Overwrites; dlogits may be logits.
template <typename T>
void cross_entropy_backward(const CrossEntropyShape& shape, const T* logits,
                            const std::int32_t* targets, const float* maxima, const float* sums,
                            float scale, T* dlogits);

/// The same in the form that keeps the exponentials for the backward pass, for a vocabulary that is
/// padded: of this rank's columns only the first `words` are words. bias (columns) may be null.
///
/// maxima[t] over the words of logit + bias; lowest() where there is none.
template <typename T>
void row_maxima_of_words(const CrossEntropyShape& shape, std::int64_t words, const T* logits,
                         const T* bias, float* maxima);

/// exponentials = e^(logit + bias - maxima), 0 behind the words; sums and picked as exp_sums().
/// exponentials may be logits where these are fp32.
template <typename T>
void exp_rows(const CrossEntropyShape& shape, std::int64_t words, const T* logits, const T* bias,
              const std::int32_t* targets, const float* maxima, float* exponentials, float* sums,
              float* picked);

/// dlogits = scale * (exponentials / sums - [column is the target]), sums over all ranks.
/// dlogits may be exponentials where they are fp32.
template <typename T>
void cross_entropy_gradient(const CrossEntropyShape& shape, const float* exponentials,
                            const std::int32_t* targets, const float* sums, float scale,
                            T* dlogits);

/// Sum of log(sums[t]) - picked[t], in fp64.
double sum_of_losses(std::int64_t tokens, const float* sums, const float* picked);

}  // namespace cpu
}  // namespace stepcast
