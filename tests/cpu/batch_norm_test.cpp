#include "kernels/reference/batch_norm.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

TEST(BatchNorm, ForwardAndBackwardAgreeWithTheReference) {
  for (const BatchNormShape& shape : {BatchNormShape{.images = 2, .channels = 1, .pixels = 4},
                                      BatchNormShape{.images = 7, .channels = 3, .pixels = 33},
                                      BatchNormShape{.images = 3, .channels = 33, .pixels = 129}}) {
    const std::int64_t n = shape.images * shape.channels * shape.pixels;
    auto x = random_values(n, 1, 2);
    for (float& value : x) value += 3;
    const auto gain = random_values(shape.channels, 2), bias = random_values(shape.channels, 3);
    const auto dy = random_values(n, 4);
    std::vector<float> got(x.size()), want(x.size());
    std::vector<float> got_mean = random_values(shape.channels, 5), want_mean = got_mean;
    std::vector<float> got_variance(shape.channels, 1.0f), want_variance = got_variance;
    cpu::batch_norm_forward(shape, x.data(), gain.data(), bias.data(), got.data(), got_mean.data(),
                            got_variance.data());
    reference::batch_norm_forward(shape, x.data(), gain.data(), bias.data(), want.data(),
                                  want_mean.data(), want_variance.data());
    const std::int64_t count = shape.images * shape.pixels + 16;
    expect_close(got, want, {.elementary = 16, .terms = count});
    expect_close(got_mean, want_mean, {.terms = count});
    expect_close(got_variance, want_variance, {.elementary = 16, .terms = count});

    std::vector<float> got_gain = random_values(shape.channels, 6), want_gain = got_gain;
    std::vector<float> got_bias = random_values(shape.channels, 7), want_bias = got_bias;
    cpu::batch_norm_backward(shape, x.data(), gain.data(), dy.data(), got.data(), got_gain.data(),
                             got_bias.data());
    reference::batch_norm_backward(shape, x.data(), gain.data(), dy.data(), want.data(),
                                   want_gain.data(), want_bias.data());
    expect_close(got, want, {.elementary = 16, .terms = count});
    expect_close(got_gain, want_gain, {.elementary = 16, .terms = count});
    expect_close(got_bias, want_bias, {.terms = count});
  }
}

TEST(BatchNorm, WorksInPlaceAndWithoutRunningStatistics) {
  const BatchNormShape shape{.images = 2, .channels = 3, .pixels = 40};
  const auto x = random_values(240, 1), ones = std::vector<float>(3, 1.0f);
  std::vector<float> apart(240), in_place = x;
  cpu::batch_norm_forward(shape, x.data(), ones.data(), ones.data(), apart.data(), nullptr,
                          nullptr);
  cpu::batch_norm_forward(shape, in_place.data(), ones.data(), ones.data(), in_place.data(),
                          nullptr, nullptr);
  EXPECT_EQ(in_place, apart);
}

}  // namespace
}  // namespace stepcast
