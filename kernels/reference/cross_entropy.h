// Cross-entropy of whole rows, straight from its definition -log(softmax(logits)[target]): what
// the steps of kernels/cpu/cross_entropy.h must come to, on one rank or several. T is float or
// double, arithmetic is double.
#pragma once

#include "kernels/cpu/cross_entropy.h"

namespace stepcast::reference {

/// `shape` holds all columns.
template <typename T>
void cross_entropy_forward(const CrossEntropyShape& shape, const T* logits,
                           const std::int32_t* targets, T* losses);
template <typename T>
void cross_entropy_backward(const CrossEntropyShape& shape, const T* logits,
                            const std::int32_t* targets, double scale, T* dlogits);

}  // namespace stepcast::reference
