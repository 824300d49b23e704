#include "kernels/ops/activation.h"

#include "kernels/reference/activation.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

/// Far from 0 a value is an exponential whose exponent, up to 40 here, is itself rounded.
constexpr reference::Tolerance kTails{.elementary = 64, .terms = 4};

template <typename T>
struct ActivationOps : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(ActivationOps, Types);

TYPED_TEST(ActivationOps, ForwardAndBackwardAgreeWithTheReference) {
  using T = TypeParam;
  for (const Activation kind : {Activation::kGeluTanh, Activation::kGeluErf, Activation::kRelu})
    for (const auto& [rows, cols] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {9, 33}, {70, 264}})
      for (const bool with_bias : {false, true}) {
        const ActivationShape shape{.kind = kind, .rows = rows, .cols = cols};
        const auto x = as_stored<T>(random_values(rows * cols, 1, 2));
        const auto dy = as_stored<T>(random_values(rows * cols, 2));
        const auto bias = as_stored<T>(random_values(cols, 3));
        std::vector<float> y(x.size()), dx(x.size()), dbias = random_values(cols, 4);
        const auto on_x = on_device<T>(x), on_bias = on_device<T>(bias), on_dy = on_device<T>(dy);
        const DeviceArray<T> on_y(x.size());
        const DeviceArray<float> on_dbias(dbias);
        const T* device_bias = with_bias ? on_bias.data() : nullptr;
        const float* host_bias = with_bias ? bias.data() : nullptr;
        cuda::activation_forward(shape, on_x.data(), device_bias, on_y.data(),
                                 this->device.context);
        cuda::activation_backward(shape, on_x.data(), device_bias, on_dy.data(), on_dy.data(),
                                  with_bias ? on_dbias.data() : nullptr, this->device.context);
        float* none = nullptr;
        reference::activation_forward(shape, x.data(), host_bias, y.data());
        reference::activation_backward(shape, x.data(), host_bias, dy.data(), dx.data(),
                                       with_bias ? dbias.data() : none);
        expect_stored(on_y, y, kTails);
        expect_stored(on_dy, dx, kTails);
        expect_close(from_device(on_dbias), dbias, {.elementary = 64, .terms = 4 * rows});
      }
}

// Gate and value as halves of one tensor, gradients over them.
TYPED_TEST(ActivationOps, SwigluAgreesWithTheReference) {
  using T = TypeParam;
  for (const std::int64_t cols : {1, 33, 264}) {
    const SwigluShape shape{.rows = 9, .cols = cols, .stride = 2 * cols};
    const auto both = as_stored<T>(random_values(9 * 2 * cols, 1, 2));
    const auto dy = as_stored<T>(random_values(9 * cols, 2));
    std::vector<float> y(dy.size()), gradients(both.size());
    const auto on_both = on_device<T>(both), on_dy = on_device<T>(dy);
    const DeviceArray<T> on_y(dy.size());
    cuda::swiglu_forward(shape, on_both.data(), on_both.data() + cols, on_y.data(),
                         this->device.context);
    cuda::swiglu_backward(shape, on_both.data(), on_both.data() + cols, on_dy.data(),
                          on_both.data(), on_both.data() + cols, this->device.context);
    reference::swiglu_forward(shape, both.data(), both.data() + cols, y.data());
    reference::swiglu_backward(shape, both.data(), both.data() + cols, dy.data(), gradients.data(),
                               gradients.data() + cols);
    expect_stored(on_y, y, kTails);
    expect_stored(on_both, gradients, kTails);
  }
}

}  // namespace
}  // namespace stepcast
