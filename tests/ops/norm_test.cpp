#include "kernels/ops/norm.h"

#include "kernels/reference/norm.h"
#include "sim/base/error.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

template <typename T>
struct Norm : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(Norm, Types);

const std::vector<NormShape> kShapes = {{.rows = 1, .cols = 7},
                                        {.rows = 7, .cols = 33},
                                        {.rows = 29, .cols = 128},
                                        {.rows = 3, .cols = 1025},
                                        {.rows = 2, .cols = 6000},
                                        // More rows than blocks; and a row that no registers hold.
                                        {.rows = 70, .cols = 64},
                                        {.rows = 1, .cols = 16640}};

/// Inputs as T stores them, and results of the reference on these.
template <typename T>
struct Tensors {
  explicit Tensors(const NormShape& shape)
      : x(random_values(shape.rows * shape.cols, 1, 3)),
        gain(as_stored<T>(random_values(shape.cols, 2))),
        bias(as_stored<T>(random_values(shape.cols, 3))),
        dy(as_stored<T>(random_values(shape.rows * shape.cols, 4))),
        y(x.size()),
        dx(as_stored<T>(random_values(shape.rows * shape.cols, 5))),
        dgain(random_values(shape.cols, 6)),
        dbias(random_values(shape.cols, 7)) {
    for (float& value : x) value += 5;  // a mean that must be taken off
    x = as_stored<T>(x);
  }
  std::vector<float> x, gain, bias, dy, y, dx, dgain, dbias;
};

template <typename T>
void expect_same(const NormShape& shape, const DeviceArray<T>& y, const DeviceArray<T>& dx,
                 const DeviceArray<float>& dgain, const DeviceArray<float>& dbias,
                 const Tensors<T>& want) {
  const std::int64_t terms = shape.cols + 16;
  expect_stored(y, want.y, {.elementary = 16, .terms = terms});
  expect_stored(dx, want.dx, {.elementary = 16, .terms = terms});
  // Every row's share has the errors of the statistics of its columns.
  expect_close(from_device(dgain), want.dgain, {.elementary = 16, .terms = shape.rows + terms});
  expect_close(from_device(dbias), want.dbias, {.terms = shape.rows});
}

TYPED_TEST(Norm, LayerNormAgreesWithTheReference) {
  using T = TypeParam;
  for (const NormShape& shape : kShapes)
    for (const bool add : {false, true})
      for (const bool with_bias : {false, true}) {
        Tensors<T> want(shape);
        const auto x = on_device<T>(want.x), gain = on_device<T>(want.gain),
                   bias = on_device<T>(want.bias), dy = on_device<T>(want.dy),
                   dx = on_device<T>(want.dx);
        const DeviceArray<T> y(want.y.size());
        const DeviceArray<float> dgain(want.dgain), dbias(want.dbias);
        cuda::layer_norm_forward(shape, x.data(), gain.data(), with_bias ? bias.data() : nullptr,
                                 y.data(), this->device.context);
        cuda::layer_norm_backward(shape, x.data(), gain.data(), dy.data(), dx.data(), add,
                                  dgain.data(), with_bias ? dbias.data() : nullptr,
                                  this->device.context);
        float* none = nullptr;
        reference::layer_norm_forward(shape, want.x.data(), want.gain.data(),
                                      with_bias ? want.bias.data() : nullptr, want.y.data());
        reference::layer_norm_backward(shape, want.x.data(), want.gain.data(), want.dy.data(),
                                       want.dx.data(), add, want.dgain.data(),
                                       with_bias ? want.dbias.data() : none);
        expect_same(shape, y, dx, dgain, dbias, want);
      }
}

TYPED_TEST(Norm, RmsNormAgreesWithTheReference) {
  using T = TypeParam;
  for (const NormShape& shape : kShapes)
    for (const bool add : {false, true}) {
      Tensors<T> want(shape);
      const auto x = on_device<T>(want.x), gain = on_device<T>(want.gain),
                 dy = on_device<T>(want.dy), dx = on_device<T>(want.dx);
      const DeviceArray<T> y(want.y.size());
      const DeviceArray<float> dgain(want.dgain), dbias(want.dbias);
      cuda::rms_norm_forward(shape, x.data(), gain.data(), y.data(), this->device.context);
      cuda::rms_norm_backward(shape, x.data(), gain.data(), dy.data(), dx.data(), add, dgain.data(),
                              this->device.context);
      reference::rms_norm_forward(shape, want.x.data(), want.gain.data(), want.y.data());
      reference::rms_norm_backward(shape, want.x.data(), want.gain.data(), want.dy.data(),
                                   want.dx.data(), add, want.dgain.data());
      expect_same(shape, y, dx, dgain, dbias, want);
    }
}

TYPED_TEST(Norm, WorksInPlace) {
  using T = TypeParam;
  const NormShape shape{.rows = 5, .cols = 40};
  const Tensors<T> t(shape);
  const auto x = on_device<T>(t.x), gain = on_device<T>(t.gain), bias = on_device<T>(t.bias);
  const DeviceArray<T> y(t.y.size());
  cuda::layer_norm_forward(shape, x.data(), gain.data(), bias.data(), y.data(),
                           this->device.context);
  cuda::layer_norm_forward(shape, x.data(), gain.data(), bias.data(), x.data(),
                           this->device.context);
  EXPECT_EQ(from_device(x), from_device(y));
}

TEST(NormGradient, RowsBeyondSharedMemoryAreRefused) {
  TestDevice device;
  const float* none = nullptr;
  float* no_result = nullptr;
  EXPECT_THROW(cuda::layer_norm_backward({.rows = 1, .cols = 20481}, none, none, none, no_result,
                                         false, no_result, no_result, device.context),
               Error);
}

}  // namespace
}  // namespace stepcast
