// The dimensions of a kernel by name, for kinds that have more than two. Only for kernels of that
// kind: nothing is checked.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/compute/kernels.h"

namespace stepcast {

struct ProductDims {
  std::int64_t m, n, k;
  std::int64_t batch;  ///< at least 1
};
inline ProductDims product_dims(const Kernel& kernel) {
  const auto& d = kernel.dims;
  return {.m = d[0], .n = d[1], .k = d[2], .batch = std::max<std::int64_t>(d[3], 1)};
}

struct AttentionDims {
  std::int64_t batch, heads, kv_heads, queries, keys, head_dim;
};
inline AttentionDims attention_dims(const Kernel& kernel) {
  const auto& d = kernel.dims;
  return {.batch = d[0],
          .heads = d[1],
          .kv_heads = d[2],
          .queries = d[3],
          .keys = d[4],
          .head_dim = d[5]};
}

/// y (images, out_channels, out_height, out_width) of x (images, in_channels, height, width); the
/// gradient passes are of the same convolution.
struct ConvolutionDims {
  std::int64_t images = 0;
  std::int64_t in_channels = 0, height = 0, width = 0;
  std::int64_t out_channels = 0;
  std::int64_t window_height = 1, window_width = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< rows and columns of zeros on each side

  std::int64_t out_height() const { return (height + 2 * padding - window_height) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - window_width) / stride + 1; }
  /// Elements of x, of the weights and of y.
  std::int64_t inputs() const { return images * in_channels * height * width; }
  std::int64_t weights() const { return out_channels * in_channels * window_height * window_width; }
  std::int64_t results() const { return images * out_channels * out_height() * out_width(); }
};
inline ConvolutionDims convolution_dims(const Kernel& kernel) {
  const auto& d = kernel.dims;
  return {.images = d[0],
          .in_channels = d[1],
          .height = d[2],
          .width = d[3],
          .out_channels = d[4],
          .window_height = d[5],
          .window_width = d[6],
          .stride = d[7],
          .padding = d[8]};
}
inline KernelDims to_dims(const ConvolutionDims& c) {
  return {c.images,        c.in_channels,  c.height, c.width,  c.out_channels,
          c.window_height, c.window_width, c.stride, c.padding};
}

/// Square windows over planes; a plane is one channel of one image.
struct PoolingDims {
  std::int64_t planes, height, width;
  std::int64_t window, stride, padding;

  std::int64_t inputs() const { return planes * height * width; }
  std::int64_t results() const { return planes * along(height) * along(width); }

 private:
  std::int64_t along(std::int64_t side) const { return (side + 2 * padding - window) / stride + 1; }
};
inline PoolingDims pooling_dims(const Kernel& kernel) {
  const auto& d = kernel.dims;
  return {.planes = d[0],
          .height = d[1],
          .width = d[2],
          .window = d[3],
          .stride = d[4],
          .padding = d[5]};
}

}  // namespace stepcast
