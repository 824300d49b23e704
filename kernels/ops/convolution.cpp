#include "kernels/ops/convolution.h"

namespace stepcast::cuda {

ConvolutionArguments convolution_arguments(ConvolutionPass pass, const ConvolutionShape& shape,
                                           bool tf32) {
  const auto extents = [](std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) {
    return std::array<int, 4>{static_cast<int>(a), static_cast<int>(b), static_cast<int>(c),
                              static_cast<int>(d)};
  };
  return {
      .pass = pass,
      .tf32 = tf32,
      .x = extents(shape.images, shape.in_channels, shape.height, shape.width),
      .weights = extents(shape.out_channels, shape.in_channels, shape.kernel, shape.kernel),
      .y = extents(shape.images, shape.out_channels, shape.out_height(), shape.out_width()),
      .padding = static_cast<int>(shape.padding),
      .stride = static_cast<int>(shape.stride),
  };
}

void convolution_forward(const ConvolutionShape& shape, const float* x, const float* weights,
                         float* y, DeviceContext& context, bool tf32) {
  context.library<Convolutions>().run(convolution_arguments(ConvolutionPass::kForward, shape, tf32),
                                      x, weights, y);
}

void convolution_dgrad(const ConvolutionShape& shape, const float* weights, const float* dy,
                       float* dx, DeviceContext& context, bool tf32) {
  context.library<Convolutions>().run(convolution_arguments(ConvolutionPass::kDgrad, shape, tf32),
                                      weights, dy, dx);
}

void convolution_wgrad(const ConvolutionShape& shape, const float* x, const float* dy,
                       float* dweights, DeviceContext& context, bool tf32) {
  context.library<Convolutions>().run(convolution_arguments(ConvolutionPass::kWgrad, shape, tf32),
                                      x, dy, dweights);
}

}  // namespace stepcast::cuda
