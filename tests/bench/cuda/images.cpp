// Convolution (by cuDNN), batch norm and pooling of images, in fp32: layers of ResNet-50 [He et al.
// 2016, table 1] on 64 and more images.
#include "kernels/ops/batch_norm.h"
#include "kernels/ops/convolution.h"
#include "kernels/ops/pooling.h"
#include "tests/bench/cuda/cases.h"

namespace stepcast::bench {
namespace {

/// The 3 x 3 convolutions of conv3_x.
constexpr ConvolutionShape kConvolution{.images = 64,
                                        .in_channels = 128,
                                        .height = 28,
                                        .width = 28,
                                        .out_channels = 128,
                                        .kernel = 3,
                                        .padding = 1};
constexpr double kConvolutionFlops = 2.0 * 64 * 128 * 128 * 9 * 28 * 28;

void add_convolutions(Bench& bench, bool tf32) {
  const std::string type = tf32 ? " tf32" : " fp32";
  add(bench, {.name = "convolution_forward" + type, .flops = kConvolutionFlops}, [tf32](Bench& b) {
    cuda::convolution_forward(kConvolution, b.f.data(), b.w.data(), b.g.data(), b.context, tf32);
  });
  add(bench, {.name = "convolution_dgrad" + type, .flops = kConvolutionFlops}, [tf32](Bench& b) {
    cuda::convolution_dgrad(kConvolution, b.w.data(), b.f.data(), b.g.data(), b.context, tf32);
  });
  add(bench, {.name = "convolution_wgrad" + type, .flops = kConvolutionFlops}, [tf32](Bench& b) {
    cuda::convolution_wgrad(kConvolution, b.f.data(), b.w.data(), b.g.data(), b.context, tf32);
  });
}

/// conv1 (few channels of many pixels) and conv5_x (many of few), each 256 MiB and more.
void add_batch_norm(Bench& bench, const std::string& layer, const BatchNormShape& shape) {
  const double bytes = 4.0 * static_cast<double>(shape.images * shape.channels * shape.pixels);
  // The statistics need all of x before the first result: x, and dy, are read twice.
  add(bench, {.name = "batch_norm_forward, " + layer, .bytes = 3 * bytes}, [shape](Bench& b) {
    cuda::batch_norm_forward(shape, b.f.data(), b.sums.data(), b.sums.data(), b.g.data(), nullptr,
                             nullptr, b.context);
  });
  add(bench, {.name = "batch_norm_backward, " + layer, .bytes = 5 * bytes}, [shape](Bench& b) {
    cuda::batch_norm_backward(shape, b.f.data(), b.sums.data(), b.w.data(), b.g.data(),
                              b.rows.data(), b.more_rows.data(), b.context);
  });
}

void add_pooling(Bench& bench) {
  static constexpr PoolingShape kPool{
      .planes = 64 * 64, .height = 112, .width = 112, .window = 3, .stride = 2, .padding = 1};
  constexpr double kX = 4.0 * 64 * 64 * 112 * 112, kY = kX / 4;
  add(bench, {.name = "max_pooling_forward", .bytes = kX + kY},
      [](Bench& b) { cuda::max_pooling_forward(kPool, b.f.data(), b.g.data(), b.context); });
  add(bench, {.name = "max_pooling_backward", .bytes = 2 * kX + kY}, [](Bench& b) {
    cuda::max_pooling_backward(kPool, b.f.data(), b.w.data(), b.g.data(), b.context);
  });
  add(bench, {.name = "average_pooling_forward", .bytes = kX + kY},
      [](Bench& b) { cuda::average_pooling_forward(kPool, b.f.data(), b.g.data(), b.context); });
  add(bench, {.name = "average_pooling_backward", .bytes = kX + kY},
      [](Bench& b) { cuda::average_pooling_backward(kPool, b.w.data(), b.g.data(), b.context); });
}

}  // namespace

void add_images(Bench& bench) {
  add_convolutions(bench, false);
  add_convolutions(bench, true);
  add_batch_norm(bench, "64 channels", {.images = 80, .channels = 64, .pixels = 112 * 112});
  add_batch_norm(bench, "2048 channels", {.images = 640, .channels = 2048, .pixels = 7 * 7});
  add_pooling(bench);
}

}  // namespace stepcast::bench
