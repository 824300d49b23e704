// Batch norm of images, in training: every channel is normalised over the images and pixels of this
// rank [Ioffe and Szegedy 2015]. The backward pass computes the statistics again from x.
#pragma once

#include <cstdint>

namespace stepcast {

/// x, y and their gradients (images, channels, pixels), dense; all vectors (channels).
struct BatchNormShape {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  std::int64_t pixels = 0;
  float epsilon = 1e-5f;
  float momentum = 0.1f;  ///< of the running statistics: the weight of the new value
};

namespace cpu {

/// y = gain * (x - mean) / sqrt(variance + epsilon) + bias; the variance divides by images *
/// pixels. Moves the running mean, and the running variance, towards those of this batch (the
/// unbiased variance, as in PyTorch, which needs more than one value per channel); both may be
/// null. y may be x.
void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gain,
                        const float* bias, float* y, float* running_mean, float* running_variance);

/// Overwrites dx, which may be dy; adds to dgain and dbias.
void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gain,
                         const float* dy, float* dx, float* dgain, float* dbias);

}  // namespace cpu
}  // namespace stepcast
