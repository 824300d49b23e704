// Kernels of images: convolution, batch norm, pooling.
#include <array>

#include "kernels/ops/batch_norm.h"
#include "kernels/ops/convolution.h"
#include "kernels/ops/pooling.h"
#include "kernels/reference/batch_norm.h"
#include "kernels/reference/convolution.h"
#include "kernels/reference/pooling.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

TEST(ConvolutionOps, AllThreePassesAgreeWithTheReference) {
  TestDevice device;
  for (const auto& [kernel, stride, padding] :
       std::vector<std::array<std::int64_t, 3>>{{1, 1, 0}, {3, 1, 1}, {3, 2, 1}, {2, 3, 0}}) {
    const ConvolutionShape shape{.images = 2,
                                 .in_channels = 3,
                                 .height = 9,
                                 .width = 7,
                                 .out_channels = 4,
                                 .kernel = kernel,
                                 .stride = stride,
                                 .padding = padding};
    const auto x = random_values(2 * 3 * 9 * 7, 1), weights = random_values(4 * shape.patch(), 2);
    const auto dy = random_values(2 * 4 * shape.positions(), 3);
    std::vector<float> y(dy.size()), dx(x.size());
    auto dweights = random_values(static_cast<std::int64_t>(weights.size()), 4);
    const DeviceArray<float> on_x(x), on_weights(weights), on_dy(dy), on_y(y.size()),
        on_dx(dx.size()), on_dweights(dweights);
    DeviceContext& context = device.context;
    cuda::convolution_forward(shape, on_x.data(), on_weights.data(), on_y.data(), context);
    cuda::convolution_dgrad(shape, on_weights.data(), on_dy.data(), on_dx.data(), context);
    cuda::convolution_wgrad(shape, on_x.data(), on_dy.data(), on_dweights.data(), context);
    reference::convolution_forward(shape, x.data(), weights.data(), y.data());
    reference::convolution_dgrad(shape, weights.data(), dy.data(), dx.data());
    reference::convolution_wgrad(shape, x.data(), dy.data(), dweights.data());
    expect_close(from_device(on_y), y, {.terms = shape.patch()});
    expect_close(from_device(on_dx), dx, {.terms = 4 * kernel * kernel});
    expect_close(from_device(on_dweights), dweights, {.terms = 2 * shape.positions() + 1});
  }
}

TEST(BatchNormOps, AgreesWithTheReference) {
  TestDevice device;
  for (const auto& [images, channels, pixels] : std::vector<std::array<std::int64_t, 3>>{
           {7, 2, 1}, {3, 5, 49}, {2, 3, 700}, {3, 2, 3000}, {2, 1, 2049}}) {
    const BatchNormShape shape{.images = images, .channels = channels, .pixels = pixels};
    auto x = random_values(images * channels * pixels, 1, 3);
    for (float& value : x) value += 5;  // a mean that must be taken off
    const auto gain = random_values(channels, 2), bias = random_values(channels, 3);
    const auto dy = random_values(images * channels * pixels, 4);
    std::vector<float> y(x.size()), dx(x.size());
    auto dgain = random_values(channels, 5), dbias = random_values(channels, 6),
         mean = random_values(channels, 7), variance = random_values(channels, 8);
    const DeviceArray<float> on_x(x), on_gain(gain), on_bias(bias), on_dy(dy), on_y(y.size()),
        on_dgain(dgain), on_dbias(dbias), on_mean(mean), on_variance(variance);
    cuda::batch_norm_forward(shape, on_x.data(), on_gain.data(), on_bias.data(), on_y.data(),
                             on_mean.data(), on_variance.data(), device.context);
    cuda::batch_norm_backward(shape, on_x.data(), on_gain.data(), on_dy.data(), on_dy.data(),
                              on_dgain.data(), on_dbias.data(), device.context);
    reference::batch_norm_forward(shape, x.data(), gain.data(), bias.data(), y.data(), mean.data(),
                                  variance.data());
    reference::batch_norm_backward(shape, x.data(), gain.data(), dy.data(), dx.data(), dgain.data(),
                                   dbias.data());
    const std::int64_t terms = images * pixels;
    expect_close(from_device(on_y), y, {.elementary = 16, .terms = terms + 16});
    expect_close(from_device(on_dy), dx, {.elementary = 16, .terms = terms + 16});
    expect_close(from_device(on_dgain), dgain, {.elementary = 16, .terms = terms + 16});
    expect_close(from_device(on_dbias), dbias, {.terms = terms});
    expect_close(from_device(on_mean), mean, {.elementary = 16, .terms = terms});
    expect_close(from_device(on_variance), variance, {.elementary = 16, .terms = terms + 16});
  }
}

// Slices of a channel are done at different times, and all of them need its first element.
TEST(BatchNormOps, WorksInPlaceWhereAChannelHasManySlices) {
  TestDevice device;
  const BatchNormShape shape{.images = 3, .channels = 2, .pixels = 3000};
  const DeviceArray<float> x(random_values(shape.images * shape.channels * shape.pixels, 1, 3)),
      gain(random_values(shape.channels, 2)), bias(random_values(shape.channels, 3)), y(x.size());
  cuda::batch_norm_forward(shape, x.data(), gain.data(), bias.data(), y.data(), nullptr, nullptr,
                           device.context);
  cuda::batch_norm_forward(shape, x.data(), gain.data(), bias.data(), x.data(), nullptr, nullptr,
                           device.context);
  EXPECT_EQ(from_device(x), from_device(y));
}

// Few different values, so that windows have equal maxima.
TEST(PoolingOps, MaximumAndAverageAgreeWithTheReference) {
  TestDevice device;
  for (const auto& [window, stride, padding] : std::vector<std::array<std::int64_t, 3>>{
           {2, 2, 0}, {3, 2, 1}, {3, 1, 1}, {2, 3, 0}, {5, 3, 4}, {17, 5, 9}}) {
    const PoolingShape shape{.planes = 3,
                             .height = 21,
                             .width = window == 5 ? 9 : 16,
                             .window = window,
                             .stride = stride,
                             .padding = padding};
    std::vector<float> x;
    for (const std::int32_t id : random_ids(3 * shape.height * shape.width, 5, 1))
      x.push_back(static_cast<float>(id));
    const auto dy = random_values(3 * shape.out_height() * shape.out_width(), 2);
    std::vector<float> y(dy.size()), dx(x.size());
    const DeviceArray<float> on_x(x), on_dy(dy), on_y(y.size()), on_dx(x.size());
    cuda::max_pooling_forward(shape, on_x.data(), on_y.data(), device.context);
    cuda::max_pooling_backward(shape, on_x.data(), on_dy.data(), on_dx.data(), device.context);
    reference::max_pooling_forward(shape, x.data(), y.data());
    reference::max_pooling_backward(shape, x.data(), dy.data(), dx.data());
    EXPECT_EQ(from_device(on_y), y);
    expect_close(from_device(on_dx), dx, {.terms = window * window});
    cuda::average_pooling_forward(shape, on_x.data(), on_y.data(), device.context);
    cuda::average_pooling_backward(shape, on_dy.data(), on_dx.data(), device.context);
    reference::average_pooling_forward(shape, x.data(), y.data());
    reference::average_pooling_backward(shape, dy.data(), dx.data());
    expect_close(from_device(on_y), y, {.terms = window * window});
    expect_close(from_device(on_dx), dx, {.terms = window * window});
  }
}

}  // namespace
}  // namespace stepcast
