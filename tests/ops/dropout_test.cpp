#include "kernels/ops/dropout.h"

#include "kernels/reference/dropout.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

template <typename T>
struct DropoutOps : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(DropoutOps, Types);

// Widths that do and don't divide by 4, the words of a counter; shares that begin at any column.
TYPED_TEST(DropoutOps, DropsTheElementsThatTheReferenceDrops) {
  using T = TypeParam;
  const std::vector<DropoutShape> shapes = {
      {.rows = 9, .cols = 1, .first_row = 3},
      {.rows = 9, .cols = 33},
      {.rows = 40, .cols = 264, .first_row = 2},
      {.rows = 6, .cols = 40, .rows_per_block = 3, .block_stride = 6, .first_row = 3},
      {.rows = 5, .cols = 24, .first_col = 5, .global_cols = 48},
  };
  for (const DropoutShape& shape : shapes)
    for (const double probability : {0.0, 0.4})
      for (const bool all : {false, true}) {
        const Dropout dropout{.probability = probability, .seed = 0x123456789abcdef};
        const auto x = as_stored<T>(random_values(shape.rows * shape.cols, 1));
        const auto residual = as_stored<T>(random_values(shape.rows * shape.cols, 2));
        const auto bias = as_stored<T>(random_values(shape.cols, 3));
        std::vector<float> y(x.size()), dx(x.size()), dbias = random_values(shape.cols, 4);
        const auto on_x = on_device<T>(x), on_bias = on_device<T>(bias),
                   on_residual = on_device<T>(residual);
        const DeviceArray<T> on_y(x.size());
        const DeviceArray<float> on_dbias(dbias);
        cuda::residual_dropout_forward(shape, dropout, on_x.data(), all ? on_bias.data() : nullptr,
                                       all ? on_residual.data() : nullptr, on_y.data(),
                                       this->device.context);
        cuda::residual_dropout_backward(shape, dropout, on_x.data(), on_x.data(),
                                        all ? on_dbias.data() : nullptr, this->device.context);
        float* none = nullptr;
        reference::residual_dropout_forward(shape, dropout, x.data(), all ? bias.data() : nullptr,
                                            all ? residual.data() : nullptr, y.data());
        reference::residual_dropout_backward(shape, dropout, x.data(), dx.data(),
                                             all ? dbias.data() : none);
        expect_stored(on_y, y, {});
        expect_stored(on_x, dx, {});
        expect_close(from_device(on_dbias), dbias, {.terms = shape.rows});
      }
}

}  // namespace
}  // namespace stepcast
