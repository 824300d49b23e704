// Maximum and average over square windows of images.
#pragma once

#include <cstdint>

namespace stepcast {

/// x (planes, height, width) and y (planes, out_height, out_width), dense; a plane is one channel
/// of one image. Padding is less than the window.
struct PoolingShape {
  std::int64_t planes = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t window = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< never the maximum; counts as zeros in the average

  std::int64_t out_height() const { return (height + 2 * padding - window) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - window) / stride + 1; }
};

namespace cpu {

void max_pooling_forward(const PoolingShape& shape, const float* x, float* y);

/// The gradient goes to the first of equal maxima, found again in x. Overwrites dx.
void max_pooling_backward(const PoolingShape& shape, const float* x, const float* dy, float* dx);

void average_pooling_forward(const PoolingShape& shape, const float* x, float* y);

/// Overwrites dx.
void average_pooling_backward(const PoolingShape& shape, const float* dy, float* dx);

}  // namespace cpu
}  // namespace stepcast
