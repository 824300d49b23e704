#include "kernels/ops/divider.h"
#include "kernels/ops/each.h"
#include "kernels/ops/pooling.h"

namespace stepcast::cuda {
namespace {

/// PoolingShape in 32 bits, with what every element divides by.
struct Windows {
  int height, width, window, stride, padding, out_height, out_width;
  Divider by_height, by_width, by_stride, by_out_height, by_out_width;
  float share;  ///< of an element in its average

  explicit Windows(const PoolingShape& s)
      : height(static_cast<int>(s.height)),
        width(static_cast<int>(s.width)),
        window(static_cast<int>(s.window)),
        stride(static_cast<int>(s.stride)),
        padding(static_cast<int>(s.padding)),
        out_height(static_cast<int>(s.out_height())),
        out_width(static_cast<int>(s.out_width())),
        by_height(s.height),
        by_width(s.width),
        by_stride(s.stride),
        by_out_height(s.out_height()),
        by_out_width(s.out_width()),
        share(1 / static_cast<float>(s.window * s.window)) {}

  /// Of the windows that a row (or column) lies in, of `windows` in all: the first, and the one
  /// behind the last.
  __device__ int first(int at) const {
    const int behind = at + padding - window;
    return behind < 0 ? 0 : by_stride(behind) + 1;
  }
  __device__ int end(int at, int windows) const {
    const int last = by_stride(at + padding);
    return last < windows ? last + 1 : windows;
  }
};

/// The window of result `at`, and the part of it that lies inside its plane.
struct Window {
  int plane;          ///< first element of the plane in x
  int above, before;  ///< row and column where it begins, also outside
  int top, bottom, left, right;
  __device__ Window(const Windows& s, std::int64_t at) {
    const int row_of_all = s.by_out_width(static_cast<int>(at));
    const int which = s.by_out_height(row_of_all);
    plane = which * s.height * s.width;
    above = (row_of_all - which * s.out_height) * s.stride - s.padding;
    before = (static_cast<int>(at) - row_of_all * s.out_width) * s.stride - s.padding;
    top = above > 0 ? above : 0;
    left = before > 0 ? before : 0;
    bottom = above + s.window < s.height ? above + s.window : s.height;
    right = before + s.window < s.width ? before + s.window : s.width;
  }
};

struct Found {
  float value;
  int place;  ///< in its window, counted by rows
};

/// The largest element of a window, of equal ones the first.
__device__ __forceinline__ Found largest(const Windows& s, const float* x, const Window& at) {
  Found best{x[at.plane + at.top * s.width + at.left],
             (at.top - at.above) * s.window + at.left - at.before};
  for (int row = at.top; row < at.bottom; ++row)
    for (int column = at.left; column < at.right; ++column) {
      const float value = x[at.plane + row * s.width + column];
      if (value > best.value) best = {value, (row - at.above) * s.window + column - at.before};
    }
  return best;
}

struct MaximumBody {
  Windows s;
  const float* x;
  float* y;
  __device__ void operator()(std::int64_t at) const { y[at] = largest(s, x, Window(s, at)).value; }
};

struct AverageBody {
  Windows s;
  const float* x;
  float* y;
  __device__ void operator()(std::int64_t at) const {
    const Window window(s, at);
    float sum = 0;
    for (int row = window.top; row < window.bottom; ++row)
      for (int column = window.left; column < window.right; ++column)
        sum += x[window.plane + row * s.width + column];
    y[at] = sum * s.share;
  }
};

/// A place is a byte where windows are small: so little is written and read again.
template <typename Place>
struct PlaceBody {
  Windows s;
  const float* x;
  Place* places;
  __device__ void operator()(std::int64_t at) const {
    places[at] = static_cast<Place>(largest(s, x, Window(s, at)).place);
  }
};

/// dy goes to the place of the window's maximum.
template <typename Place>
struct ToMaximum {
  const Place* places;
  template <int N>
  __device__ void add(const Windows& s, int result, const float* dy, int row, int column,
                      float (&sums)[N]) const {
    const int in_row = places[result] - row * s.window;
    const int own = in_row + column;
    if (in_row < 0 || in_row >= s.window || own < 0 || own >= N) return;
    const float value = dy[result];
#pragma unroll
    for (int k = 0; k < N; ++k) sums[k] += k == own ? value : 0;
  }
};

/// To all elements of the window; they take their share in the end.
struct ToAll {
  template <int N>
  __device__ void add(const Windows& s, int result, const float* dy, int /*row*/, int column,
                      float (&sums)[N]) const {
    const float value = dy[result];
#pragma unroll
    for (int k = 0; k < N; ++k) sums[k] += k >= column && k < column + s.window ? value : 0;
  }
};

/// Elements of dx that lie side by side gather from all windows that touch one of them.
template <typename To>
struct GatherBody {
  Windows s;
  To to;
  float scale;
  const float* dy;
  float* dx;
  template <int N>
  __device__ void run(std::int64_t at) const {
    const int row_of_all = s.by_width(static_cast<int>(at));
    const int plane = s.by_height(row_of_all);
    const int row = row_of_all - plane * s.height;
    const int column = static_cast<int>(at) - row_of_all * s.width;
    const int rows_end = s.end(row, s.out_height);
    const int columns_end = s.end(column + N - 1, s.out_width);
    const int first_column = s.first(column);
    float sums[N] = {};
    for (int i = s.first(row); i < rows_end; ++i)
      for (int j = first_column; j < columns_end; ++j)
        to.add(s, (plane * s.out_height + i) * s.out_width + j, dy,
               row - (i * s.stride - s.padding), j * s.stride - s.padding - column, sums);
#pragma unroll
    for (int k = 0; k < N; ++k) sums[k] *= scale;
    save<N>(dx + at, sums);
  }
};

template <typename To>
void gather(const PoolingShape& shape, To to, float scale, const float* dy, float* dx,
            DeviceContext& context) {
  each_element<4>(shape.planes * shape.height * shape.width, aligned(dx) && shape.width % 4 == 0,
                  GatherBody<To>{Windows(shape), to, scale, dy, dx}, context.stream());
}

template <typename Place>
void to_maximum(const PoolingShape& shape, const float* x, const float* dy, float* dx,
                DeviceContext& context) {
  const std::int64_t results = shape.planes * shape.out_height() * shape.out_width();
  auto* const places =
      reinterpret_cast<Place*>(context.scratch(static_cast<std::size_t>(results) * sizeof(Place)));
  each(results, PlaceBody<Place>{Windows(shape), x, places}, context.stream());
  gather(shape, ToMaximum<Place>{places}, 1, dy, dx, context);
}

/// run(planes, elements of x before them, of y before them), of so many planes at a time that their
/// elements can be counted in 31 bits.
template <typename Run>
void for_planes(const PoolingShape& shape, Run run) {
  const std::int64_t in_x = shape.height * shape.width;
  const std::int64_t in_y = shape.out_height() * shape.out_width();
  const std::int64_t most = 0x7fffffff / (in_x > in_y ? in_x : in_y);
  for (std::int64_t plane = 0; plane < shape.planes; plane += most) {
    PoolingShape part = shape;
    part.planes = shape.planes - plane < most ? shape.planes - plane : most;
    run(part, plane * in_x, plane * in_y);
  }
}

}  // namespace

void max_pooling_forward(const PoolingShape& shape, const float* x, float* y,
                         DeviceContext& context) {
  for_planes(shape, [&](const PoolingShape& part, std::int64_t at_x, std::int64_t at_y) {
    each(part.planes * part.out_height() * part.out_width(),
         MaximumBody{Windows(part), x + at_x, y + at_y}, context.stream());
  });
}

void max_pooling_backward(const PoolingShape& shape, const float* x, const float* dy, float* dx,
                          DeviceContext& context) {
  const auto run = shape.window < 16 ? to_maximum<std::uint8_t> : to_maximum<std::int32_t>;
  for_planes(shape, [&](const PoolingShape& part, std::int64_t at_x, std::int64_t at_y) {
    run(part, x + at_x, dy + at_y, dx + at_x, context);
  });
}

void average_pooling_forward(const PoolingShape& shape, const float* x, float* y,
                             DeviceContext& context) {
  for_planes(shape, [&](const PoolingShape& part, std::int64_t at_x, std::int64_t at_y) {
    each(part.planes * part.out_height() * part.out_width(),
         AverageBody{Windows(part), x + at_x, y + at_y}, context.stream());
  });
}

void average_pooling_backward(const PoolingShape& shape, const float* dy, float* dx,
                              DeviceContext& context) {
  for_planes(shape, [&](const PoolingShape& part, std::int64_t at_x, std::int64_t at_y) {
    gather(part, ToAll{}, Windows(part).share, dy + at_y, dx + at_x, context);
  });
}

}  // namespace stepcast::cuda
