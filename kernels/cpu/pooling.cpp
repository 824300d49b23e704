#include "kernels/cpu/pooling.h"

#include <algorithm>

namespace stepcast::cpu {
namespace {

/// The part of a window that lies inside its plane, and where its result goes.
struct Window {
  std::int64_t plane;  ///< first element of the plane in x
  std::int64_t top, bottom, left, right;
  std::int64_t result;  ///< element of y
};

template <typename Visit>
void for_windows(const PoolingShape& shape, Visit visit) {
  std::int64_t result = 0;
  for (std::int64_t plane = 0; plane < shape.planes; ++plane)
    for (std::int64_t i = 0; i < shape.out_height(); ++i)
      for (std::int64_t j = 0; j < shape.out_width(); ++j) {
        const std::int64_t row = i * shape.stride - shape.padding;
        const std::int64_t column = j * shape.stride - shape.padding;
        visit(Window{.plane = plane * shape.height * shape.width,
                     .top = std::max<std::int64_t>(row, 0),
                     .bottom = std::min(row + shape.window, shape.height),
                     .left = std::max<std::int64_t>(column, 0),
                     .right = std::min(column + shape.window, shape.width),
                     .result = result++});
      }
}

/// Calls visit(element of x) for the elements of a window, row by row.
template <typename Visit>
void for_elements(const PoolingShape& shape, const Window& window, Visit visit) {
  for (std::int64_t row = window.top; row < window.bottom; ++row)
    for (std::int64_t column = window.left; column < window.right; ++column)
      visit(window.plane + row * shape.width + column);
}

/// First element of x that is the window's maximum.
std::int64_t maximum_of(const PoolingShape& shape, const Window& window, const float* x) {
  std::int64_t best = window.plane + window.top * shape.width + window.left;
  for_elements(shape, window, [&](std::int64_t at) {
    if (x[at] > x[best]) best = at;
  });
  return best;
}

float share(const PoolingShape& shape) {
  return 1 / static_cast<float>(shape.window * shape.window);
}

}  // namespace

void max_pooling_forward(const PoolingShape& shape, const float* x, float* y) {
  for_windows(shape,
              [&](const Window& window) { y[window.result] = x[maximum_of(shape, window, x)]; });
}

void max_pooling_backward(const PoolingShape& shape, const float* x, const float* dy, float* dx) {
  std::fill_n(dx, shape.planes * shape.height * shape.width, 0.0f);
  for_windows(shape,
              [&](const Window& window) { dx[maximum_of(shape, window, x)] += dy[window.result]; });
}

void average_pooling_forward(const PoolingShape& shape, const float* x, float* y) {
  for_windows(shape, [&](const Window& window) {
    float sum = 0;
    for_elements(shape, window, [&](std::int64_t at) { sum += x[at]; });
    y[window.result] = sum * share(shape);
  });
}

void average_pooling_backward(const PoolingShape& shape, const float* dy, float* dx) {
  std::fill_n(dx, shape.planes * shape.height * shape.width, 0.0f);
  for_windows(shape, [&](const Window& window) {
    const float part = dy[window.result] * share(shape);
    for_elements(shape, window, [&](std::int64_t at) { dx[at] += part; });
  });
}

}  // namespace stepcast::cpu
