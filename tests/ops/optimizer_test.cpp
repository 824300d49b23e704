#include "kernels/ops/optimizer.h"

#include <cmath>

#include "kernels/reference/optimizer.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

/// State of `n` parameters; second moments are not negative.
struct State {
  explicit State(std::int64_t n)
      : gradient(random_values(n, 1)),
        weights(random_values(n, 2)),
        moment1(random_values(n, 3, 0.1)),
        moment2(random_values(n, 4, 0.1)) {
    for (float& value : moment2) value = std::abs(value);
  }
  std::vector<float> gradient, weights, moment1, moment2;
};

template <typename G, typename C>
void expect_adam(bool clipped) {
  TestDevice device;
  for (const std::int64_t n : {1, 7, 2051}) {
    State state(n);
    state.gradient = as_stored<G>(state.gradient);
    Adam settings{.learning_rate = 0.1f, .weight_decay = 0.01f, .gradient_scale = 0.5f, .step = 3};
    const auto gradient = on_device<G>(state.gradient);
    const DeviceArray<float> weights(state.weights), m(state.moment1), v(state.moment2);
    const DeviceArray<float> square(std::vector<float>{16});
    const DeviceArray<C> copy(static_cast<std::size_t>(n));
    // A norm of 4, at most 1: a quarter.
    cuda::adam(settings, clipped ? cuda::Clip{square.data(), 1} : cuda::Clip{}, n, gradient.data(),
               weights.data(), m.data(), v.data(), copy.data(), device.context);
    if (clipped) settings.gradient_scale *= 0.25f;
    reference::adam(settings, n, state.gradient.data(), state.weights.data(), state.moment1.data(),
                    state.moment2.data());
    expect_close(from_device(weights), state.weights, {.elementary = 32});
    expect_close(from_device(m), state.moment1, {.elementary = 16});
    expect_close(from_device(v), state.moment2, {.elementary = 16});
    EXPECT_EQ(from_device(copy), as_stored<C>(from_device(weights)));
  }
}

TEST(AdamOps, UpdatesFp32StateFromGradientsOfAnyType) {
  for (const bool clipped : {false, true}) {
    expect_adam<float, float>(clipped);
    expect_adam<float, Bf16>(clipped);
    expect_adam<float, Fp16>(clipped);
    expect_adam<Bf16, Bf16>(clipped);
    expect_adam<Fp16, Fp16>(clipped);
  }
}

TEST(SgdOps, AgreesWithTheReference) {
  TestDevice device;
  for (const std::int64_t n : {1, 7, 2051}) {
    State state(n);
    const Sgd settings{
        .learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 0.01f, .gradient_scale = 0.5f};
    const DeviceArray<float> gradient(state.gradient), weights(state.weights), u(state.moment1);
    cuda::sgd<float, float>(settings, {}, n, gradient.data(), weights.data(), u.data(), nullptr,
                            device.context);
    reference::sgd(settings, n, state.gradient.data(), state.weights.data(), state.moment1.data());
    expect_close(from_device(weights), state.weights, {.elementary = 16});
    expect_close(from_device(u), state.moment1, {.elementary = 16});
  }
}

TEST(LambOps, TwoStepsAgreeWithTheReference) {
  TestDevice device;
  for (const std::int64_t n : {1, 7, 2051}) {
    State state(n);
    const Adam settings{.learning_rate = 0.1f, .weight_decay = 0.01f, .step = 2};
    const DeviceArray<float> gradient(state.gradient), weights(state.weights), m(state.moment1),
        v(state.moment2), direction(static_cast<std::size_t>(n));
    const DeviceArray<float> norms(2);
    cuda::lamb_direction(settings, n, gradient.data(), weights.data(), m.data(), v.data(),
                         direction.data(), norms.data(), device.context);
    cuda::lamb_apply(settings.learning_rate, norms.data(), n, direction.data(), weights.data(),
                     device.context);
    reference::lamb(settings, n, state.gradient.data(), state.weights.data(), state.moment1.data(),
                    state.moment2.data());
    expect_close(from_device(weights), state.weights, {.elementary = 64, .terms = 16});
    expect_close(from_device(m), state.moment1, {.elementary = 16});
  }
}

template <typename G>
void expect_norm() {
  TestDevice device;
  for (const std::int64_t n : {1, 9, 40001}) {
    const auto x = as_stored<G>(random_values(n, 1));
    double want = 0;
    for (const float value : x) want += static_cast<double>(value) * value;
    const auto on_x = on_device<G>(x);
    const DeviceArray<double> sum(std::vector<double>{100});
    const DeviceArray<float> square(std::vector<float>{7});
    cuda::sum_of_squares(n, on_x.data(), false, sum.data(), device.context);
    cuda::store_rounded(sum.data(), false, square.data(), device.context);
    EXPECT_NEAR(square.values()[0], want, 1e-6 * want);
    cuda::sum_of_squares(n, on_x.data(), true, sum.data(), device.context);
    cuda::store_rounded(sum.data(), true, square.data(), device.context);
    EXPECT_NEAR(square.values()[0], 3 * want, 3e-6 * want);
    // Clipped to half its norm, which is sqrt(3 want) as far as the kernel knows.
    const double norm = std::sqrt(3 * want);
    cuda::clip_gradient(n, square.data(), norm / 2, on_x.data(), device.context);
    std::vector<float> clipped = x;
    for (float& value : clipped) value *= clip_factor(norm, norm / 2);
    expect_stored(on_x, clipped, {});
  }
}

TEST(GradientNorm, SquaresAreSummedInDoublePrecisionAndClipped) {
  expect_norm<float>();
  expect_norm<Bf16>();
  expect_norm<Fp16>();
}

}  // namespace
}  // namespace stepcast
