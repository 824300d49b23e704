// Two-dimensional convolution, as one GEMM per image over columns of patches (im2col), or by oneDNN
// where that is there and faster (tuned_kernels.h).
#pragma once

#include <cstdint>

namespace stepcast {

/// x (images, in_channels, height, width), weights (out_channels, in_channels, kernel, kernel) and
/// y (images, out_channels, out_height, out_width), all dense; square windows.
struct ConvolutionShape {
  std::int64_t images = 0;
  std::int64_t in_channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t out_channels = 0;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< rows and columns of zeros on each side

  std::int64_t out_height() const { return (height + 2 * padding - kernel) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - kernel) / stride + 1; }
  std::int64_t patch() const { return in_channels * kernel * kernel; }
  std::int64_t positions() const { return out_height() * out_width(); }
  /// Floats of the workspace: the patches of one image, (patch, positions).
  std::int64_t workspace() const { return patch() * positions(); }
};

namespace cpu {

/// Overwrites y, and may overwrite the workspace.
void convolution_forward(const ConvolutionShape& shape, const float* x, const float* weights,
                         float* y, float* workspace);

/// Gradient of the input. Overwrites dx, and may overwrite the workspace.
void convolution_dgrad(const ConvolutionShape& shape, const float* weights, const float* dy,
                       float* dx, float* workspace);

/// Gradient of the weights. Adds to dweights, and may overwrite the workspace.
void convolution_wgrad(const ConvolutionShape& shape, const float* x, const float* dy,
                       float* dweights, float* workspace);

}  // namespace cpu
}  // namespace stepcast
