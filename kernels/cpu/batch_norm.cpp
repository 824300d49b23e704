#include "kernels/cpu/batch_norm.h"

#include <cmath>

#include "kernels/cpu/vectorize.h"

namespace stepcast::cpu {
namespace {

/// Pixels of one channel lie in `images` stretches, `apart` floats from each other.
struct Channel {
  std::int64_t images, pixels, apart;
  float count() const { return static_cast<float>(images * pixels); }
};

struct Statistics {
  float mean, variance;
};

STEPCAST_VECTORIZED Statistics statistics(Channel channel, const float* x) {
  float mean = 0, squares = 0;
  for (std::int64_t image = 0; image < channel.images; ++image) {
    const float* row = x + image * channel.apart;
#pragma omp simd reduction(+ : mean)
    for (std::int64_t i = 0; i < channel.pixels; ++i) mean += row[i];
  }
  mean /= static_cast<float>(channel.images * channel.pixels);
  for (std::int64_t image = 0; image < channel.images; ++image) {
    const float* row = x + image * channel.apart;
#pragma omp simd reduction(+ : squares)
    for (std::int64_t i = 0; i < channel.pixels; ++i) squares += (row[i] - mean) * (row[i] - mean);
  }
  return {mean, squares / static_cast<float>(channel.images * channel.pixels)};
}

/// y = factor * x + shift.
STEPCAST_VECTORIZED void transform(Channel channel, float factor, float shift, const float* x,
                                   float* y) {
  for (std::int64_t image = 0; image < channel.images; ++image) {
    const std::int64_t begin = image * channel.apart;
#pragma omp simd
    for (std::int64_t i = begin; i < begin + channel.pixels; ++i) y[i] = factor * x[i] + shift;
  }
}

/// Sums of dy and of dy * (x - mean).
struct GradientSums {
  float plain, with_x;
};

STEPCAST_VECTORIZED GradientSums gradient_sums(Channel channel, float mean, const float* x,
                                               const float* dy) {
  float plain = 0, with_x = 0;
  for (std::int64_t image = 0; image < channel.images; ++image) {
    const std::int64_t begin = image * channel.apart;
#pragma omp simd reduction(+ : plain, with_x)
    for (std::int64_t i = begin; i < begin + channel.pixels; ++i) {
      plain += dy[i];
      with_x += dy[i] * (x[i] - mean);
    }
  }
  return {plain, with_x};
}

/// dx = factor * (dy - mean_dy - slope * (x - mean)).
STEPCAST_VECTORIZED void input_gradient(Channel channel, float factor, float mean_dy, float slope,
                                        float mean, const float* x, const float* dy, float* dx) {
  for (std::int64_t image = 0; image < channel.images; ++image) {
    const std::int64_t begin = image * channel.apart;
#pragma omp simd
    for (std::int64_t i = begin; i < begin + channel.pixels; ++i)
      dx[i] = factor * (dy[i] - mean_dy - slope * (x[i] - mean));
  }
}

Channel channel_of(const BatchNormShape& shape) {
  return {shape.images, shape.pixels, shape.channels * shape.pixels};
}

/// value moves towards `to` by the momentum.
void move(float momentum, float to, float& value) { value += momentum * (to - value); }

}  // namespace

void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gain,
                        const float* bias, float* y, float* running_mean, float* running_variance) {
  const Channel channel = channel_of(shape);
  for (std::int64_t c = 0; c < shape.channels; ++c, x += shape.pixels, y += shape.pixels) {
    const Statistics s = statistics(channel, x);
    const float factor = gain[c] / std::sqrt(s.variance + shape.epsilon);
    transform(channel, factor, bias[c] - factor * s.mean, x, y);
    const float unbiased = s.variance * channel.count() / (channel.count() - 1);
    if (running_mean) move(shape.momentum, s.mean, running_mean[c]);
    if (running_variance) move(shape.momentum, unbiased, running_variance[c]);
  }
}

void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gain,
                         const float* dy, float* dx, float* dgain, float* dbias) {
  const Channel channel = channel_of(shape);
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    const std::int64_t begin = c * shape.pixels;
    const Statistics s = statistics(channel, x + begin);
    const float scale = 1 / std::sqrt(s.variance + shape.epsilon);
    const GradientSums sums = gradient_sums(channel, s.mean, x + begin, dy + begin);
    input_gradient(channel, gain[c] * scale, sums.plain / channel.count(),
                   sums.with_x * scale * scale / channel.count(), s.mean, x + begin, dy + begin,
                   dx + begin);
    dgain[c] += sums.with_x * scale;
    dbias[c] += sums.plain;
  }
}

}  // namespace stepcast::cpu
