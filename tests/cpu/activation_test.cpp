#include "kernels/reference/activation.h"

#include "kernels/cpu/vector_math.h"
#include "tests/support/tensors.h"

namespace stepcast {
namespace {

constexpr std::array kKinds = {Activation::kGeluTanh, Activation::kGeluErf, Activation::kRelu};
constexpr std::array<std::array<std::int64_t, 2>, 5> kSizes = {
    {{1, 1}, {1, 33}, {7, 129}, {33, 64}, {129, 7}}};

/// Far from 0 a value is an exponential whose exponent, up to 40 here, is itself rounded.
constexpr reference::Tolerance kTails{.elementary = 64, .terms = 4};

TEST(Activation, ForwardAndBackwardAgreeWithTheReference) {
  for (const Activation kind : kKinds)
    for (const auto& [rows, cols] : kSizes)
      for (const bool with_bias : {false, true}) {
        const ActivationShape shape{.kind = kind, .rows = rows, .cols = cols};
        const auto x = random_values(rows * cols, 1, 4), dy = random_values(rows * cols, 2);
        const auto bias = random_values(cols, 3);
        const float* b = with_bias ? bias.data() : nullptr;
        std::vector<float> got(x.size()), want(x.size());
        cpu::activation_forward(shape, x.data(), b, got.data());
        reference::activation_forward(shape, x.data(), b, want.data());
        expect_close(got, want, kTails);
        std::vector<float> got_sums = random_values(cols, 4), want_sums = got_sums;
        cpu::activation_backward(shape, x.data(), b, dy.data(), got.data(),
                                 with_bias ? got_sums.data() : nullptr);
        reference::activation_backward(shape, x.data(), b, dy.data(), want.data(),
                                       with_bias ? want_sums.data() : nullptr);
        expect_close(got, want, kTails);
        expect_close(got_sums, want_sums, {.elementary = 64, .terms = 4 * rows});
      }
}

TEST(Activation, FarInputsAreTheLimits) {
  const std::vector<float> x = {-1000, -30, 0, 30, 1000};
  for (const Activation kind : kKinds) {
    std::vector<float> y(5);
    cpu::activation_forward({.kind = kind, .rows = 1, .cols = 5}, x.data(),
                            static_cast<const float*>(nullptr), y.data());
    EXPECT_NEAR(y[0], 0, 1e-30);
    EXPECT_NEAR(y[1], 0, 1e-30);
    EXPECT_EQ(y[2], 0);
    EXPECT_EQ(y[3], 30);
    EXPECT_EQ(y[4], 1000);
  }
}

TEST(Activation, GradientInPlace) {
  const ActivationShape shape{.kind = Activation::kGeluTanh, .rows = 3, .cols = 50};
  const auto x = random_values(150, 1), dy = random_values(150, 2);
  std::vector<float> apart(150), in_place = dy;
  const float* no_bias = nullptr;
  cpu::activation_backward(shape, x.data(), no_bias, dy.data(), apart.data(), nullptr);
  cpu::activation_backward(shape, x.data(), no_bias, in_place.data(), in_place.data(), nullptr);
  EXPECT_EQ(in_place, apart);
}

TEST(Swiglu, HalvesOfOneProjection) {
  for (const auto& [rows, cols] : kSizes) {
    const SwigluShape shape{.rows = rows, .cols = cols, .stride = 2 * cols};
    const auto x = random_values(2 * rows * cols, 1, 4), dy = random_values(rows * cols, 2);
    std::vector<float> got(rows * cols), want(got.size()), got_dx(x.size()), want_dx(x.size());
    cpu::swiglu_forward(shape, x.data(), x.data() + cols, got.data());
    reference::swiglu_forward(shape, x.data(), x.data() + cols, want.data());
    expect_close(got, want, kTails);
    cpu::swiglu_backward(shape, x.data(), x.data() + cols, dy.data(), got_dx.data(),
                         got_dx.data() + cols);
    reference::swiglu_backward(shape, x.data(), x.data() + cols, dy.data(), want_dx.data(),
                               want_dx.data() + cols);
    expect_close(got_dx, want_dx, kTails);
  }
}

TEST(Swiglu, Bf16StorageRoundsOnlyWhatItWrites) {
  const SwigluShape shape{.rows = 5, .cols = 33, .stride = 33};
  const auto gate = rounded(random_values(165, 1)), up = rounded(random_values(165, 2));
  std::vector<Bf16> y(165);
  std::vector<float> want(165);
  cpu::swiglu_forward(shape, gate.data(), up.data(), y.data());
  reference::swiglu_forward(shape, widened(gate).data(), widened(up).data(), want.data());
  expect_close(widened(y), want,
               {.epsilon = reference::kBf16Epsilon, .elementary = 1.1, .terms = 0});
}

TEST(FastExp, RelativeErrorOverItsRange) {
  for (double x = -87; x <= 88; x += 0.0137) {
    const double want = std::exp(static_cast<double>(static_cast<float>(x)));
    EXPECT_NEAR(fast_exp(static_cast<float>(x)) / want, 1, 2e-7) << x;
  }
}

TEST(FastExp, IsClampedAndKeepsNan) {
  EXPECT_GT(fast_exp(-INFINITY), 0);
  EXPECT_LT(fast_exp(-INFINITY), 2e-38f);
  EXPECT_LT(fast_exp(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(fast_exp(NAN)));
}

}  // namespace
}  // namespace stepcast
