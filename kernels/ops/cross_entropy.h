// Cross-entropy on a GPU, whole or split over ranks by columns, in the steps of
// kernels/cpu/cross_entropy.h, for a vocabulary that is padded: of this rank's columns only the
// first `words` are words. T is float, Bf16 or Fp16, exponentials are of E = T or float;
// statistics are fp32. A row is read from memory once.
#pragma once

#include "kernels/cpu/cross_entropy.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// maxima[t] over the words of logit + bias; the lowest number where there is none. Rows are
/// `stride` apart. bias (columns) may be null.
template <typename T>
void row_maxima(const CrossEntropyShape& shape, std::int64_t words, std::int64_t stride,
                const T* logits, const T* bias, float* maxima, DeviceContext& context);

/// exponentials = e^(logit + bias - maxima), 0 behind the words; sums[t] of them before they are
/// rounded to E; picked[t] = logit of the target - maxima[t], 0 where another rank holds it.
/// exponentials may be logits of their type. Where `maxima` is null they are the row's own, and
/// `own_maxima`, unless it is null too, gets them.
template <typename T, typename E>
void exp_rows(const CrossEntropyShape& shape, std::int64_t words, const T* logits, const T* bias,
              const std::int32_t* targets, const float* maxima, float* own_maxima, E* exponentials,
              float* sums, float* picked, DeviceContext& context);

/// dlogits = scale * (exponentials / sums - [column is the target]), sums over all ranks; 0 where
/// the target is negative. dlogits may be exponentials of its type.
template <typename T, typename E>
void cross_entropy_gradient(const CrossEntropyShape& shape, const E* exponentials,
                            const std::int32_t* targets, const float* sums, float scale, T* dlogits,
                            DeviceContext& context);

/// losses[t] = log(sums[t]) - picked[t], 0 for negative targets. losses may be picked.
void losses(const CrossEntropyShape& shape, const std::int32_t* targets, const float* sums,
            const float* picked, float* losses, DeviceContext& context);

/// *loss = or += scale * the sum of log(sums[t]) - picked[t], taken in fp64 and rounded once.
void sum_of_losses(std::int64_t tokens, const float* sums, const float* picked, double scale,
                   bool add, float* loss, DeviceContext& context);

}  // namespace stepcast::cuda
