#include "kernels/reference/batch_norm.h"

#include <cmath>
#include <vector>

namespace stepcast::reference {
namespace {

/// Elements of a channel, and their mean and variance.
struct Channel {
  template <typename T>
  Channel(const BatchNormShape& shape, std::int64_t c, const T* x) {
    for (std::int64_t image = 0; image < shape.images; ++image)
      for (std::int64_t i = 0; i < shape.pixels; ++i)
        elements.push_back((image * shape.channels + c) * shape.pixels + i);
    for (const std::int64_t at : elements) mean += x[at] / count();
    for (const std::int64_t at : elements) variance += (x[at] - mean) * (x[at] - mean) / count();
    scale = 1 / std::sqrt(variance + shape.epsilon);
  }
  double count() const { return static_cast<double>(elements.size()); }

  std::vector<std::int64_t> elements;
  double mean = 0, variance = 0, scale = 0;
};

template <typename T>
void move(float momentum, double to, T& value) {
  value = static_cast<T>((1 - static_cast<double>(momentum)) * value + momentum * to);
}

}  // namespace

template <typename T>
void batch_norm_forward(const BatchNormShape& shape, const T* x, const T* gain, const T* bias, T* y,
                        T* running_mean, T* running_variance) {
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    const Channel channel(shape, c, x);
    for (const std::int64_t at : channel.elements)
      y[at] = static_cast<T>((x[at] - channel.mean) * channel.scale * gain[c] + bias[c]);
    move(shape.momentum, channel.mean, running_mean[c]);
    move(shape.momentum, channel.variance * channel.count() / (channel.count() - 1),
         running_variance[c]);
  }
}

template <typename T>
void batch_norm_backward(const BatchNormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         T* dgain, T* dbias) {
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    const Channel channel(shape, c, x);
    const auto normal = [&](std::int64_t at) { return (x[at] - channel.mean) * channel.scale; };
    double sum = 0, projection = 0;
    for (const std::int64_t at : channel.elements) {
      sum += dy[at];
      projection += dy[at] * normal(at);
    }
    for (const std::int64_t at : channel.elements)
      dx[at] = static_cast<T>(
          gain[c] * channel.scale *
          (dy[at] - sum / channel.count() - normal(at) * projection / channel.count()));
    dgain[c] = static_cast<T>(dgain[c] + projection);
    dbias[c] = static_cast<T>(dbias[c] + sum);
  }
}

#define STEPCAST_INSTANTIATE(T)                                                                  \
  template void batch_norm_forward(const BatchNormShape&, const T*, const T*, const T*, T*, T*,  \
                                   T*);                                                          \
  template void batch_norm_backward(const BatchNormShape&, const T*, const T*, const T*, T*, T*, \
                                    T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
