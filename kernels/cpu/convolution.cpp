#include "kernels/cpu/convolution.h"

#include <algorithm>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/tuned_kernels.h"

namespace stepcast::cpu {
namespace {

/// Positions of a row, of which those of [begin, end) see the image and the others its padding:
/// position j sees image column first + j * stride.
struct PositionRow {
  std::int64_t first, begin, end;
};

PositionRow position_row(const ConvolutionShape& shape, std::int64_t kx) {
  const std::int64_t first = kx - shape.padding, last = shape.out_width();
  const auto positions_below = [&](std::int64_t column) {  // that see less than it
    return column <= first ? 0 : (column - first + shape.stride - 1) / shape.stride;
  };
  const std::int64_t begin = std::min(positions_below(0), last);
  return {first, begin, std::clamp(positions_below(shape.width), begin, last)};
}

/// Calls visit(element of the patch matrix, channel, row of the image, positions) for every row of
/// positions. Rows outside the image are padding.
template <typename Visit>
void for_patch_rows(const ConvolutionShape& shape, Visit visit) {
  for (std::int64_t channel = 0; channel < shape.in_channels; ++channel)
    for (std::int64_t ky = 0; ky < shape.kernel; ++ky)
      for (std::int64_t kx = 0; kx < shape.kernel; ++kx) {
        const std::int64_t patch_row = (channel * shape.kernel + ky) * shape.kernel + kx;
        const PositionRow positions = position_row(shape, kx);
        for (std::int64_t i = 0; i < shape.out_height(); ++i)
          visit(patch_row * shape.positions() + i * shape.out_width(), channel,
                i * shape.stride + ky - shape.padding, positions);
      }
}

/// columns (patch, positions) of one image.
void gather_patches(const ConvolutionShape& shape, const float* image, float* columns) {
  for_patch_rows(shape, [&](auto at, auto channel, auto row, const PositionRow& positions) {
    const auto [first, begin, end] = positions;
    float* const to = columns + at;
    if (row < 0 || row >= shape.height) {
      std::fill_n(to, shape.out_width(), 0.0f);
      return;
    }
    const float* from = image + (channel * shape.height + row) * shape.width;
    std::fill(to, to + begin, 0.0f);
    if (shape.stride == 1 && begin < end)
      std::copy(from + first + begin, from + first + end, to + begin);
    else
      for (std::int64_t j = begin; j < end; ++j) to[j] = from[first + j * shape.stride];
    std::fill(to + end, to + shape.out_width(), 0.0f);
  });
}

/// The transpose: adds each patch element to where it came from.
void scatter_patches(const ConvolutionShape& shape, const float* columns, float* image) {
  for_patch_rows(shape, [&](auto at, auto channel, auto row, const PositionRow& positions) {
    if (row < 0 || row >= shape.height) return;
    const auto [first, begin, end] = positions;
    float* const to = image + (channel * shape.height + row) * shape.width;
    const float* const from = columns + at;
    if (shape.stride == 1)
      for (std::int64_t j = begin; j < end; ++j) to[first + j] += from[j];
    else
      for (std::int64_t j = begin; j < end; ++j) to[first + j * shape.stride] += from[j];
  });
}

/// A window of one pixel that visits every one: the patches are the image as it lies.
bool patches_are_image(const ConvolutionShape& shape) {
  return shape.kernel == 1 && shape.stride == 1 && shape.padding == 0;
}

/// The patches of one image, in the workspace where they are not the image itself.
const float* patches_of(const ConvolutionShape& shape, const float* image, float* workspace) {
  if (patches_are_image(shape)) return image;
  gather_patches(shape, image, workspace);
  return workspace;
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
    const float* const patches = patches_of(shape, x + image * image_size(shape), workspace);
    gemm({.m = shape.out_channels, .n = shape.positions(), .k = shape.patch()}, weights, patches,
         y + image * result_size(shape));
  }
}

void convolution_dgrad(const ConvolutionShape& shape, const float* weights, const float* dy,
                       float* dx, float* workspace) {
  if (tuned(ConvolutionPass::kDgrad, shape, weights, dy, dx)) return;
  const bool direct = patches_are_image(shape);
  if (!direct) std::fill_n(dx, shape.images * image_size(shape), 0.0f);
  for (std::int64_t image = 0; image < shape.images; ++image) {
    float* const to = dx + image * image_size(shape);
    gemm({.m = shape.patch(), .n = shape.positions(), .k = shape.out_channels, .transpose_a = true},
         weights, dy + image * result_size(shape), direct ? to : workspace);
    if (!direct) scatter_patches(shape, workspace, to);
  }
}

void convolution_wgrad(const ConvolutionShape& shape, const float* x, const float* dy,
                       float* dweights, float* workspace) {
  if (tuned(ConvolutionPass::kWgrad, shape, x, dy, dweights)) return;
  for (std::int64_t image = 0; image < shape.images; ++image) {
    const float* const patches = patches_of(shape, x + image * image_size(shape), workspace);
    gemm({.m = shape.out_channels,
          .n = shape.patch(),
          .k = shape.positions(),
          .transpose_b = true,
          .beta = 1},
         dy + image * result_size(shape), patches, dweights);
  }
}

}  // namespace stepcast::cpu
