#include "kernels/ops/each.h"
#include "kernels/ops/pooling.h"

namespace stepcast::cuda {
namespace {

/// PoolingShape in 32 bits, since every element divides by its widths.
struct Windows {
  int height, width, window, stride, padding, out_height, out_width;

  explicit Windows(const PoolingShape& s)
      : height(static_cast<int>(s.height)),
        width(static_cast<int>(s.width)),
        window(static_cast<int>(s.window)),
        stride(static_cast<int>(s.stride)),
        padding(static_cast<int>(s.padding)),
        out_height(static_cast<int>(s.out_height())),
        out_width(static_cast<int>(s.out_width())) {}
};

/// The part of a window that lies inside its plane.
struct Window {
  int top, bottom, left, right;
  __device__ Window(const Windows& s, int i, int j) {
    const int row = i * s.stride - s.padding, column = j * s.stride - s.padding;
    top = row > 0 ? row : 0;
    left = column > 0 ? column : 0;
    bottom = row + s.window < s.height ? row + s.window : s.height;
    right = column + s.window < s.width ? column + s.window : s.width;
  }
  /// The first element that is the largest of the plane at x.
  __device__ int largest(const Windows& s, const float* x) const {
    int best = top * s.width + left;
    for (int row = top; row < bottom; ++row)
      for (int column = left; column < right; ++column)
        if (x[row * s.width + column] > x[best]) best = row * s.width + column;
    return best;
  }
};

template <bool kMaximum>
struct ForwardBody {
  Windows s;
  const float* x;
  float* y;
  __device__ void operator()(std::int64_t at) const {
    const std::int64_t plane = at / (s.out_height * s.out_width);
    const int in_plane = static_cast<int>(at % (s.out_height * s.out_width));
    const Window window(s, in_plane / s.out_width, in_plane % s.out_width);
    const float* const here = x + plane * s.height * s.width;
    if (kMaximum) {
      y[at] = here[window.largest(s, here)];
      return;
    }
    float sum = 0;
    for (int row = window.top; row < window.bottom; ++row)
      for (int column = window.left; column < window.right; ++column)
        sum += here[row * s.width + column];
    y[at] = sum / static_cast<float>(s.window * s.window);
  }
};

template <bool kMaximum>
struct BackwardBody {
  Windows s;
  const float *x, *dy;
  float* dx;
  __device__ void operator()(std::int64_t at) const {
    const std::int64_t plane = at / (s.height * s.width);
    const int in_plane = static_cast<int>(at % (s.height * s.width));
    const int row = in_plane / s.width, column = in_plane % s.width;
    const float* const of_dy = dy + plane * s.out_height * s.out_width;
    float sum = 0;
    // Windows i with i * stride - padding <= row < that + window.
    const int last_i = (row + s.padding) / s.stride, last_j = (column + s.padding) / s.stride;
    for (int i = first(row); i <= last_i && i < s.out_height; ++i)
      for (int j = first(column); j <= last_j && j < s.out_width; ++j) {
        const float* const of_x = x + plane * s.height * s.width;
        if (!kMaximum || Window(s, i, j).largest(s, of_x) == in_plane)
          sum += of_dy[i * s.out_width + j];
      }
    dx[at] = kMaximum ? sum : sum / static_cast<float>(s.window * s.window);
  }
  __device__ int first(int at) const {
    const int behind = at + s.padding - s.window;
    return behind < 0 ? 0 : behind / s.stride + 1;
  }
};

std::int64_t results(const PoolingShape& s) { return s.planes * s.out_height() * s.out_width(); }
std::int64_t inputs(const PoolingShape& s) { return s.planes * s.height * s.width; }

}  // namespace

void max_pooling_forward(const PoolingShape& shape, const float* x, float* y,
                         DeviceContext& context) {
  each(results(shape), ForwardBody<true>{Windows(shape), x, y}, context.stream());
}

void max_pooling_backward(const PoolingShape& shape, const float* x, const float* dy, float* dx,
                          DeviceContext& context) {
  each(inputs(shape), BackwardBody<true>{Windows(shape), x, dy, dx}, context.stream());
}

void average_pooling_forward(const PoolingShape& shape, const float* x, float* y,
                             DeviceContext& context) {
  each(results(shape), ForwardBody<false>{Windows(shape), x, y}, context.stream());
}

void average_pooling_backward(const PoolingShape& shape, const float* dy, float* dx,
                              DeviceContext& context) {
  each(inputs(shape), BackwardBody<false>{Windows(shape), nullptr, dy, dx}, context.stream());
}

}  // namespace stepcast::cuda
