#include "kernels/reference/dropout.h"

#include <array>

namespace stepcast::reference {
namespace {

/// What element (r, c) is multiplied by.
double factor(const DropoutShape& shape, const Dropout& dropout, std::int64_t r, std::int64_t c) {
  const std::uint64_t index = shape.index_of_row(r) + static_cast<std::uint64_t>(c);
  std::array<std::uint32_t, 4> words{};
  philox(index / 4, dropout.seed, words.data());
  const bool kept = words[index % 4] >= dropout_threshold(dropout.probability);
  return kept ? 1 / (1 - dropout.probability) : 0;
}

}  // namespace

template <typename T>
void residual_dropout_forward(const DropoutShape& shape, const Dropout& dropout, const T* x,
                              const T* bias, const T* residual, T* y) {
  for (std::int64_t r = 0; r < shape.rows; ++r)
    for (std::int64_t c = 0; c < shape.cols; ++c) {
      const std::int64_t i = r * shape.cols + c;
      const double biased = static_cast<double>(x[i]) + (bias ? bias[c] : 0);
      y[i] = static_cast<T>((residual ? residual[i] : 0) + factor(shape, dropout, r, c) * biased);
    }
}

template <typename T>
void residual_dropout_backward(const DropoutShape& shape, const Dropout& dropout, const T* dy,
                               T* dx, T* dbias) {
  for (std::int64_t c = 0; c < shape.cols; ++c) {
    double sum = 0;
    for (std::int64_t r = 0; r < shape.rows; ++r) {
      const double d = factor(shape, dropout, r, c) * dy[r * shape.cols + c];
      dx[r * shape.cols + c] = static_cast<T>(d);
      sum += d;
    }
    if (dbias) dbias[c] = static_cast<T>(dbias[c] + sum);
  }
}

#define STEPCAST_INSTANTIATE(T)                                                                   \
  template void residual_dropout_forward(const DropoutShape&, const Dropout&, const T*, const T*, \
                                         const T*, T*);                                           \
  template void residual_dropout_backward(const DropoutShape&, const Dropout&, const T*, T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
