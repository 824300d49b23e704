#include <cmath>

#include "kernels/ops/batch_norm.h"
#include "kernels/ops/pack.h"
#include "kernels/ops/reduce.h"

namespace stepcast::cuda {
namespace {

constexpr int kBlock = 512;

/// visit(element) for the elements of this block's channel.
template <typename Visit>
__device__ __forceinline__ void for_channel(const BatchNormShape& shape, Visit visit) {
  const std::int64_t apart = shape.channels * shape.pixels;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const std::int64_t first = image * apart + blockIdx.x * shape.pixels;
    for (std::int64_t i = threadIdx.x; i < shape.pixels; i += kBlock) visit(first + i);
  }
}

struct ChannelStatistics {
  float count, mean, variance;
};

/// Sums are of x less the channel's first element, so that a mean that is large beside the
/// deviation does not cancel.
__device__ ChannelStatistics statistics(const BatchNormShape& shape, float shift, float sum,
                                        float squares) {
  const float count = static_cast<float>(shape.images * shape.pixels);
  const float mean = over_block(sum, Sum{}) / count;
  const float variance = over_block(squares, Sum{}) / count - mean * mean;
  return {count, shift + mean, variance > 0 ? variance : 0};
}

__global__ void __launch_bounds__(kBlock)
    forward_kernel(BatchNormShape shape, const float* x, const float* gain, const float* bias,
                   float* y, float* running_mean, float* running_variance) {
  const float shift = x[blockIdx.x * shape.pixels];
  float sum = 0, squares = 0;
  for_channel(shape, [&](std::int64_t at) {
    const float value = x[at] - shift;
    sum += value;
    squares += value * value;
  });
  const ChannelStatistics s = statistics(shape, shift, sum, squares);
  const float factor = gain[blockIdx.x] / sqrtf(s.variance + shape.epsilon);
  const float base = bias[blockIdx.x];
  for_channel(shape, [&](std::int64_t at) { y[at] = factor * (x[at] - s.mean) + base; });
  if (threadIdx.x != 0) return;
  const auto move = [&](float* running, float to) {
    if (running != nullptr) running[blockIdx.x] += shape.momentum * (to - running[blockIdx.x]);
  };
  move(running_mean, s.mean);
  move(running_variance, s.variance * s.count / (s.count - 1));
}

__global__ void __launch_bounds__(kBlock)
    backward_kernel(BatchNormShape shape, const float* x, const float* gain, const float* dy,
                    float* dx, float* dgain, float* dbias) {
  const float shift = x[blockIdx.x * shape.pixels];
  float sum = 0, squares = 0, plain = 0, with_x = 0;
  for_channel(shape, [&](std::int64_t at) {
    const float value = x[at] - shift, gradient = dy[at];
    sum += value;
    squares += value * value;
    plain += gradient;
    with_x += gradient * value;
  });
  const ChannelStatistics s = statistics(shape, shift, sum, squares);
  plain = over_block(plain, Sum{});
  with_x = over_block(with_x, Sum{}) - (s.mean - shift) * plain;
  const float scale = 1 / sqrtf(s.variance + shape.epsilon);
  const float factor = gain[blockIdx.x] * scale, mean_dy = plain / s.count,
              slope = with_x * scale * scale / s.count;
  for_channel(shape, [&](std::int64_t at) {
    dx[at] = factor * (dy[at] - mean_dy - slope * (x[at] - s.mean));
  });
  if (threadIdx.x != 0) return;
  dgain[blockIdx.x] += with_x * scale;
  dbias[blockIdx.x] += plain;
}

}  // namespace

void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gain,
                        const float* bias, float* y, float* running_mean, float* running_variance,
                        DeviceContext& context) {
  launch(forward_kernel, dim3(static_cast<unsigned>(shape.channels)), dim3(kBlock), 0,
         context.stream(), shape, x, gain, bias, y, running_mean, running_variance);
}

void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gain,
                         const float* dy, float* dx, float* dgain, float* dbias,
                         DeviceContext& context) {
  launch(backward_kernel, dim3(static_cast<unsigned>(shape.channels)), dim3(kBlock), 0,
         context.stream(), shape, x, gain, dy, dx, dgain, dbias);
}

}  // namespace stepcast::cuda
