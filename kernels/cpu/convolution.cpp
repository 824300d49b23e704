#include "kernels/cpu/convolution.h"

#include <algorithm>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/tuned_kernels.h"

namespace stepcast::cpu {
namespace {

/// Calls visit(row of the patch matrix, row of the image, first column of the image) for every row
/// of positions: element j of that row is image column first + j * stride. Rows and columns outside
/// the image are padding.
template <typename Visit>
void for_patch_rows(const ConvolutionShape& shape, Visit visit) {
  for (std::int64_t channel = 0; channel < shape.in_channels; ++channel)
    for (std::int64_t ky = 0; ky < shape.kernel; ++ky)
      for (std::int64_t kx = 0; kx < shape.kernel; ++kx) {
        const std::int64_t patch_row = (channel * shape.kernel + ky) * shape.kernel + kx;
        for (std::int64_t i = 0; i < shape.out_height(); ++i)
          visit(patch_row * shape.positions() + i * shape.out_width(), channel,
                i * shape.stride + ky - shape.padding, kx - shape.padding);
      }
}

/// columns (patch, positions) of one image.
void gather_patches(const ConvolutionShape& shape, const float* image, float* columns) {
  for_patch_rows(shape, [&](auto at, auto channel, auto row, auto first) {
    const float* from = image + (channel * shape.height + row) * shape.width;
    const bool inside = row >= 0 && row < shape.height;
    for (std::int64_t j = 0; j < shape.out_width(); ++j) {
      const std::int64_t column = first + j * shape.stride;
      columns[at + j] = inside && column >= 0 && column < shape.width ? from[column] : 0;
    }
  });
}

/// The transpose: adds each patch element to where it came from.
void scatter_patches(const ConvolutionShape& shape, const float* columns, float* image) {
  for_patch_rows(shape, [&](auto at, auto channel, auto row, auto first) {
    if (row < 0 || row >= shape.height) return;
    float* to = image + (channel * shape.height + row) * shape.width;
    for (std::int64_t j = 0; j < shape.out_width(); ++j) {
      const std::int64_t column = first + j * shape.stride;
      if (column >= 0 && column < shape.width) to[column] += columns[at + j];
    }
  });
}

std::int64_t image_size(const ConvolutionShape& shape) {
  return shape.in_channels * shape.height * shape.width;
}
std::int64_t result_size(const ConvolutionShape& shape) {
  return shape.out_channels * shape.positions();
}

bool tuned(ConvolutionPass pass, const ConvolutionShape& shape, const float* a, const float* b,
           float* result) {
  const TunedKernels* const kernels = tuned_kernels();
  return kernels != nullptr && kernels->convolve(pass, shape, a, b, result);
}

}  // namespace

void convolution_forward(const ConvolutionShape& shape, const float* x, const float* weights,
                         float* y, float* workspace) {
  if (tuned(ConvolutionPass::kForward, shape, x, weights, y)) return;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    gather_patches(shape, x + image * image_size(shape), workspace);
    gemm({.m = shape.out_channels, .n = shape.positions(), .k = shape.patch()}, weights, workspace,
         y + image * result_size(shape));
  }
}

void convolution_dgrad(const ConvolutionShape& shape, const float* weights, const float* dy,
                       float* dx, float* workspace) {
  if (tuned(ConvolutionPass::kDgrad, shape, weights, dy, dx)) return;
  std::fill_n(dx, shape.images * image_size(shape), 0.0f);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    gemm({.m = shape.patch(), .n = shape.positions(), .k = shape.out_channels, .transpose_a = true},
         weights, dy + image * result_size(shape), workspace);
    scatter_patches(shape, workspace, dx + image * image_size(shape));
  }
}

void convolution_wgrad(const ConvolutionShape& shape, const float* x, const float* dy,
                       float* dweights, float* workspace) {
  if (tuned(ConvolutionPass::kWgrad, shape, x, dy, dweights)) return;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    gather_patches(shape, x + image * image_size(shape), workspace);
    gemm({.m = shape.out_channels,
          .n = shape.patch(),
          .k = shape.positions(),
          .transpose_b = true,
          .beta = 1},
         dy + image * result_size(shape), workspace, dweights);
  }
}

}  // namespace stepcast::cpu
