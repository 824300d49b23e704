#include "kernels/reference/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace stepcast::reference {

template <typename T>
void softmax_forward(const SoftmaxShape& shape, const T* scores, T* p) {
  for (std::int64_t r = 0; r < shape.matrices * shape.queries; ++r) {
    const std::int64_t row = r * shape.keys, seen = shape.seen(r % shape.queries);
    double top = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::int64_t c = row; c < row + seen; ++c)
      top = std::max(top, static_cast<double>(shape.scale) * scores[c]);
    for (std::int64_t c = row; c < row + seen; ++c)
      sum += std::exp(static_cast<double>(shape.scale) * scores[c] - top);
    for (std::int64_t c = row; c < row + shape.keys; ++c) {
      const double share = std::exp(static_cast<double>(shape.scale) * scores[c] - top) / sum;
      p[c] = c < row + seen ? static_cast<T>(share) : T{0};
    }
  }
}

template <typename T>
void softmax_backward(const SoftmaxShape& shape, const T* p, const T* dp, T* dscores) {
  for (std::int64_t r = 0; r < shape.matrices * shape.queries; ++r) {
    const std::int64_t row = r * shape.keys;
    double dot = 0;
    for (std::int64_t c = row; c < row + shape.keys; ++c)
      dot += static_cast<double>(p[c]) * static_cast<double>(dp[c]);
    for (std::int64_t c = row; c < row + shape.keys; ++c)
      dscores[c] = static_cast<T>(shape.scale * p[c] * (dp[c] - dot));
  }
}

template void softmax_forward(const SoftmaxShape&, const float*, float*);
template void softmax_forward(const SoftmaxShape&, const double*, double*);
template void softmax_backward(const SoftmaxShape&, const float*, const float*, float*);
template void softmax_backward(const SoftmaxShape&, const double*, const double*, double*);

}  // namespace stepcast::reference
