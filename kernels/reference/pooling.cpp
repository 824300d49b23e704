#include "kernels/reference/pooling.h"

#include <algorithm>

namespace stepcast::reference {
namespace {

/// Calls visit(element of x, element of y) for every element of a window inside its plane, windows
/// one after the other, row by row.
template <typename Visit>
void for_elements(const PoolingShape& s, Visit visit) {
  for (std::int64_t y = 0; y < s.planes * s.out_height() * s.out_width(); ++y) {
    const std::int64_t plane = y / (s.out_height() * s.out_width());
    const std::int64_t top = y / s.out_width() % s.out_height() * s.stride - s.padding;
    const std::int64_t left = y % s.out_width() * s.stride - s.padding;
    for (std::int64_t row = top; row < top + s.window; ++row)
      for (std::int64_t column = left; column < left + s.window; ++column)
        if (row >= 0 && row < s.height && column >= 0 && column < s.width)
          visit((plane * s.height + row) * s.width + column, y);
  }
}

std::int64_t results(const PoolingShape& s) { return s.planes * s.out_height() * s.out_width(); }
std::int64_t inputs(const PoolingShape& s) { return s.planes * s.height * s.width; }
double share(const PoolingShape& s) { return 1.0 / static_cast<double>(s.window * s.window); }

}  // namespace

template <typename T>
void max_pooling_forward(const PoolingShape& shape, const T* x, T* y) {
  std::fill_n(y, results(shape), static_cast<T>(-3.4e38));
  for_elements(shape, [&](auto from, auto to) { y[to] = std::max(y[to], x[from]); });
}

template <typename T>
void max_pooling_backward(const PoolingShape& shape, const T* x, const T* dy, T* dx) {
  std::fill_n(dx, inputs(shape), T{0});
  std::int64_t window = -1, best = 0;
  for_elements(shape, [&](auto from, auto to) {
    if (to != window && window >= 0) dx[best] += dy[window];
    if (to != window || x[from] > x[best]) best = from;
    window = to;
  });
  if (window >= 0) dx[best] += dy[window];
}

template <typename T>
void average_pooling_forward(const PoolingShape& shape, const T* x, T* y) {
  std::fill_n(y, results(shape), T{0});
  for_elements(shape, [&](auto from, auto to) {
    y[to] += static_cast<T>(share(shape) * static_cast<double>(x[from]));
  });
}

template <typename T>
void average_pooling_backward(const PoolingShape& shape, const T* dy, T* dx) {
  std::fill_n(dx, inputs(shape), T{0});
  for_elements(shape, [&](auto from, auto to) {
    dx[from] += static_cast<T>(share(shape) * static_cast<double>(dy[to]));
  });
}

#define STEPCAST_INSTANTIATE(T)                                                    \
  template void max_pooling_forward(const PoolingShape&, const T*, T*);            \
  template void max_pooling_backward(const PoolingShape&, const T*, const T*, T*); \
  template void average_pooling_forward(const PoolingShape&, const T*, T*);        \
  template void average_pooling_backward(const PoolingShape&, const T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
