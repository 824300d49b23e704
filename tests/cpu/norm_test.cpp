#include "kernels/reference/norm.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

const std::vector<NormShape> kShapes = {
    {.rows = 1, .cols = 7},    {.rows = 7, .cols = 33},   {.rows = 33, .cols = 129},
    {.rows = 129, .cols = 64}, {.rows = 3, .cols = 1025},
};

struct Tensors {
  explicit Tensors(const NormShape& shape)
      : x(random_values(shape.rows * shape.cols, 1, 3)),
        gain(random_values(shape.cols, 2)),
        bias(random_values(shape.cols, 3)),
        dy(random_values(shape.rows * shape.cols, 4)),
        y(x.size()),
        dx(random_values(shape.rows * shape.cols, 5)),
        dgain(random_values(shape.cols, 6)),
        dbias(random_values(shape.cols, 7)) {
    for (float& value : x) value += 5;  // a mean that must be taken off
  }
  std::vector<float> x, gain, bias, dy, y, dx, dgain, dbias;
};

void expect_same(const NormShape& shape, const Tensors& got, const Tensors& want) {
  const std::int64_t terms = shape.cols + 16;
  expect_close(got.y, want.y, {.elementary = 16, .terms = terms});
  expect_close(got.dx, want.dx, {.elementary = 16, .terms = terms});
  // Every row's share has the errors of the statistics of its columns.
  expect_close(got.dgain, want.dgain, {.elementary = 16, .terms = shape.rows + terms});
  expect_close(got.dbias, want.dbias, {.terms = shape.rows});
}

TEST(LayerNorm, AgreesWithTheReference) {
  for (const NormShape& shape : kShapes)
    for (const bool add : {false, true})
      for (const bool with_bias : {false, true}) {
        Tensors got(shape), want(shape);
        float* no_gradient = nullptr;
        const auto run = [&](Tensors& t, auto forward, auto backward) {
          forward(shape, t.x.data(), t.gain.data(), with_bias ? t.bias.data() : nullptr,
                  t.y.data());
          backward(shape, t.x.data(), t.gain.data(), t.dy.data(), t.dx.data(), add, t.dgain.data(),
                   with_bias ? t.dbias.data() : no_gradient);
        };
        run(got, cpu::layer_norm_forward<float>, cpu::layer_norm_backward<float>);
        run(want, reference::layer_norm_forward<float>, reference::layer_norm_backward<float>);
        expect_same(shape, got, want);
      }
}

TEST(RmsNorm, AgreesWithTheReference) {
  for (const NormShape& shape : kShapes)
    for (const bool add : {false, true}) {
      Tensors got(shape), want(shape);
      const auto run = [&](Tensors& t, auto forward, auto backward) {
        forward(shape, t.x.data(), t.gain.data(), t.y.data());
        backward(shape, t.x.data(), t.gain.data(), t.dy.data(), t.dx.data(), add, t.dgain.data());
      };
      run(got, cpu::rms_norm_forward<float>, cpu::rms_norm_backward<float>);
      run(want, reference::rms_norm_forward<float>, reference::rms_norm_backward<float>);
      expect_same(shape, got, want);
    }
}

// By hand: x = (1, 3): mean 2, variance 1, so (-1, 1) up to epsilon.
TEST(LayerNorm, TwoElements) {
  const std::vector<float> x = {1, 3}, gain = {2, 2}, bias = {10, 20};
  std::vector<float> y(2);
  cpu::layer_norm_forward({.rows = 1, .cols = 2}, x.data(), gain.data(), bias.data(), y.data());
  EXPECT_NEAR(y[0], 8, 1e-4);
  EXPECT_NEAR(y[1], 22, 1e-4);
}

// x - mean = 0: only the bias is left, and a gradient of rounding errors times 1 / sqrt(1e-5).
TEST(LayerNorm, OneColumn) {
  const std::vector<float> x = {-7}, gain = {0.3f}, bias = {5}, dy = {0.7f};
  std::vector<float> y(1), dx(1), dgain(1), dbias(1);
  const NormShape shape{.rows = 1, .cols = 1};
  cpu::layer_norm_forward(shape, x.data(), gain.data(), bias.data(), y.data());
  cpu::layer_norm_backward(shape, x.data(), gain.data(), dy.data(), dx.data(), false, dgain.data(),
                           dbias.data());
  EXPECT_EQ(y[0], 5);
  EXPECT_NEAR(dx[0], 0, 317 * 1e-7);
  EXPECT_EQ(dgain[0], 0);
  EXPECT_EQ(dbias[0], 0.7f);
}

TEST(LayerNorm, WorksInPlace) {
  const NormShape shape{.rows = 5, .cols = 40};
  Tensors t(shape);
  cpu::layer_norm_forward(shape, t.x.data(), t.gain.data(), t.bias.data(), t.y.data());
  std::vector<float> in_place = t.x;
  cpu::layer_norm_forward(shape, in_place.data(), t.gain.data(), t.bias.data(), in_place.data());
  EXPECT_EQ(in_place, t.y);
}

TEST(LayerNorm, Bf16StorageRoundsOnlyWhatItWrites) {
  const NormShape shape{.rows = 9, .cols = 129};
  Tensors t(shape);
  const auto x = rounded(t.x), gain = rounded(t.gain), bias = rounded(t.bias);
  std::vector<Bf16> y(x.size());
  cpu::layer_norm_forward(shape, x.data(), gain.data(), bias.data(), y.data());
  reference::layer_norm_forward(shape, widened(x).data(), widened(gain).data(),
                                widened(bias).data(), t.y.data());
  expect_close(widened(y), t.y,
               {.epsilon = reference::kBf16Epsilon, .elementary = 1.1, .terms = 0});
}

}  // namespace
}  // namespace stepcast
