// kernels/cpu/attention.h as plain loops, one query at a time; T is float or double, arithmetic is
// double.
#pragma once

#include "kernels/cpu/attention.h"

namespace stepcast::reference {

template <typename T>
void attention_forward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                       HeadsView<const T> v, HeadsView<T> out, T* log_sums);

template <typename T>
void attention_backward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                        HeadsView<const T> v, HeadsView<const T> out, const T* log_sums,
                        HeadsView<const T> dout, HeadsView<T> dq, HeadsView<T> dk, HeadsView<T> dv);

}  // namespace stepcast::reference
