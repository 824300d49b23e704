#include "kernels/reference/pooling.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

TEST(Pooling, ForwardAndBackwardAgreeWithTheReference) {
  for (const PoolingShape& shape :
       {PoolingShape{.planes = 1, .height = 1, .width = 1},
        PoolingShape{.planes = 3, .height = 7, .width = 9, .window = 2, .stride = 2},
        PoolingShape{
            .planes = 5, .height = 33, .width = 12, .window = 3, .stride = 2, .padding = 1},
        PoolingShape{.planes = 7, .height = 7, .width = 7, .window = 7, .stride = 7}}) {
    const auto x = random_values(shape.planes * shape.height * shape.width, 1);
    const auto dy = random_values(shape.planes * shape.out_height() * shape.out_width(), 2);
    std::vector<float> got(dy.size()), want(dy.size()), got_dx(x.size()), want_dx(x.size());
    cpu::max_pooling_forward(shape, x.data(), got.data());
    reference::max_pooling_forward(shape, x.data(), want.data());
    EXPECT_EQ(got, want);
    cpu::max_pooling_backward(shape, x.data(), dy.data(), got_dx.data());
    reference::max_pooling_backward(shape, x.data(), dy.data(), want_dx.data());
    EXPECT_EQ(got_dx, want_dx);
    const std::int64_t terms = shape.window * shape.window;
    cpu::average_pooling_forward(shape, x.data(), got.data());
    reference::average_pooling_forward(shape, x.data(), want.data());
    expect_close(got, want, {.terms = terms});
    cpu::average_pooling_backward(shape, dy.data(), got_dx.data());
    reference::average_pooling_backward(shape, dy.data(), want_dx.data());
    expect_close(got_dx, want_dx, {.terms = terms});
  }
}

// A window per plane: 3 stands first and second in the one, 2 third and fourth in the other.
TEST(Pooling, TheFirstOfEqualMaximaGetsTheGradient) {
  const PoolingShape shape{.planes = 2, .height = 2, .width = 2, .window = 2, .stride = 2};
  const std::vector<float> x = {3, 3, 1, 3, 0, 1, 2, 2}, dy = {10, 20};
  std::vector<float> dx(8);
  cpu::max_pooling_backward(shape, x.data(), dy.data(), dx.data());
  EXPECT_EQ(dx, (std::vector<float>{10, 0, 0, 0, 0, 0, 20, 0}));
}

}  // namespace
}  // namespace stepcast
