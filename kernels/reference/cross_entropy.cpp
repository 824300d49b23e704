#include "kernels/reference/cross_entropy.h"

#include <algorithm>
#include <cmath>

namespace stepcast::reference {
namespace {

template <typename T>
double log_sum_exp(const T* x, std::int64_t n) {
  const double top = *std::max_element(x, x + n);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - top);
  return top + std::log(sum);
}

}  // namespace

template <typename T>
void cross_entropy_forward(const CrossEntropyShape& shape, const T* logits,
                           const std::int32_t* targets, T* losses) {
  for (std::int64_t t = 0; t < shape.tokens; ++t) {
    const T* row = logits + t * shape.columns();
    losses[t] =
        targets[t] < 0 ? T{0} : static_cast<T>(log_sum_exp(row, shape.columns()) - row[targets[t]]);
  }
}

template <typename T>
void cross_entropy_backward(const CrossEntropyShape& shape, const T* logits,
                            const std::int32_t* targets, double scale, T* dlogits) {
  for (std::int64_t t = 0; t < shape.tokens; ++t) {
    const T* row = logits + t * shape.columns();
    const double log_sum = log_sum_exp(row, shape.columns());
    for (std::int64_t c = 0; c < shape.columns(); ++c) {
      const double d = std::exp(row[c] - log_sum) - (c == targets[t] ? 1 : 0);
      dlogits[t * shape.columns() + c] = static_cast<T>(targets[t] < 0 ? 0 : scale * d);
    }
  }
}

#define STEPCAST_INSTANTIATE(T)                                                                 \
  template void cross_entropy_forward(const CrossEntropyShape&, const T*, const std::int32_t*,  \
                                      T*);                                                      \
  template void cross_entropy_backward(const CrossEntropyShape&, const T*, const std::int32_t*, \
                                       double, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
