#include "kernels/ops/elementwise.h"

#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

template <typename T>
struct Elementwise : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(Elementwise, Types);

const std::vector<std::int64_t> kSizes = {1, 7, 8, 255, 2049};

TYPED_TEST(Elementwise, AddsTwoArraysAlsoInPlace) {
  for (const std::int64_t n : kSizes) {
    const auto a = as_stored<TypeParam>(random_values(n, 1));
    const auto b = as_stored<TypeParam>(random_values(n, 2));
    std::vector<float> want(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) want[i] = a[i] + b[i];
    const auto on_a = on_device<TypeParam>(a), on_b = on_device<TypeParam>(b);
    cuda::add(n, on_a.data(), on_b.data(), on_b.data(), this->device.context);
    expect_stored(on_b, want, {.elementary = 0, .terms = 0});
  }
}

// Elements 1 .. n of an array are not at a multiple of 16 bytes.
TYPED_TEST(Elementwise, ArraysMayBeginAnywhere) {
  const auto a = on_device<TypeParam>(random_values(100, 1));
  const auto b = on_device<TypeParam>(random_values(100, 2));
  const DeviceArray<TypeParam> got(100), want(100);
  cuda::add(100, a.data(), b.data(), want.data(), this->device.context);
  fill_zero(got.data(), sizeof(TypeParam), this->device.context.stream());
  cuda::add(99, a.data() + 1, b.data() + 1, got.data() + 1, this->device.context);
  auto expected = from_device(want);
  expected[0] = 0;
  EXPECT_EQ(from_device(got), expected);
}

TYPED_TEST(Elementwise, ScalesByAFactorOfTheHostAndOneOfTheDevice) {
  const auto x = as_stored<TypeParam>(random_values(77, 1));
  const DeviceArray<float> factor(std::vector<float>{0.5f});
  const auto y = on_device<TypeParam>(x);
  cuda::scale(77, 3.0f, factor.data(), y.data(), y.data(), this->device.context);
  std::vector<float> want;
  for (const float value : x) want.push_back(1.5f * value);
  expect_stored(y, want, {.elementary = 0, .terms = 0});
}

TYPED_TEST(Elementwise, ColumnSumsAreAddedToTheGradient) {
  for (const auto& [rows, cols] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 1}, {3, 7}, {70, 40}, {513, 264}, {40, 1031}}) {
    const auto x = as_stored<TypeParam>(random_values(rows * cols, 1));
    std::vector<float> want = random_values(cols, 2);
    const DeviceArray<float> sums(want);
    const auto on = on_device<TypeParam>(x);
    cuda::add_column_sums(rows, cols, cols, on.data(), sums.data(), this->device.context);
    for (std::int64_t c = 0; c < cols; ++c) {
      double sum = want[static_cast<std::size_t>(c)];
      for (std::int64_t r = 0; r < rows; ++r) sum += x[static_cast<std::size_t>(r * cols + c)];
      want[static_cast<std::size_t>(c)] = static_cast<float>(sum);
    }
    expect_close(from_device(sums), want, {.terms = rows});
  }
}

TYPED_TEST(Elementwise, TransposesBlocksOfWiderRows) {
  for (const auto& [rows, cols] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {5, 33}, {64, 31}, {130, 70}}) {
    const CopyShape shape{
        .rows = rows, .cols = cols, .from_stride = cols + 3, .to_stride = rows + 2};
    const auto x = as_stored<TypeParam>(random_values(rows * shape.from_stride, 1));
    const auto on = on_device<TypeParam>(x);
    const auto y = on_device<TypeParam>(
        std::vector<float>(static_cast<std::size_t>(cols * shape.to_stride), -1.0f));
    cuda::transpose(shape, on.data(), y.data(), this->device.context);
    std::vector<float> want(y.size(), -1.0f);
    cpu::transpose(shape, x.data(), want.data());
    EXPECT_EQ(from_device(y), want);
  }
}

template <typename To, typename From>
void expect_copies(TestDevice& device) {
  for (const std::int64_t stride : {40, 43})
    for (const bool add : {false, true}) {
      const CopyShape shape{.rows = 6, .cols = 40, .from_stride = stride, .to_stride = 48};
      const auto x = as_stored<From>(random_values(6 * stride, 1));
      auto want = as_stored<To>(random_values(6 * 48, 2));
      const auto from = on_device<From>(x);
      const auto to = on_device<To>(want);
      cuda::copy(shape, from.data(), to.data(), add, device.context);
      for (std::size_t r = 0; r < 6; ++r)
        for (std::size_t c = 0; c < 40; ++c) {
          float& element = want[r * 48 + c];
          const float value = x[r * static_cast<std::size_t>(stride) + c];
          element = add ? element + value : value;
        }
      EXPECT_EQ(from_device(to), as_stored<To>(want));
    }
}

TYPED_TEST(Elementwise, CopiesRoundOnceToTheTypeOfTheResult) {
  expect_copies<TypeParam, float>(this->device);
  expect_copies<TypeParam, Bf16>(this->device);
  expect_copies<TypeParam, Fp16>(this->device);
}

TYPED_TEST(Elementwise, ClearsABlockOfWiderRows) {
  for (const std::int64_t stride : {16, 19}) {
    const auto x =
        on_device<TypeParam>(std::vector<float>(static_cast<std::size_t>(5 * stride), 3));
    cuda::clear(5, 8, stride, x.data(), this->device.context);
    std::vector<float> want(x.size(), 3);
    for (std::int64_t row = 0; row < 5; ++row) std::fill_n(want.begin() + row * stride, 8, 0.0F);
    EXPECT_EQ(from_device(x), want);
  }
}

TEST(Fill, EveryByteAndNoOther) {
  TestDevice device;
  const DeviceArray<std::uint8_t> bytes(std::vector<std::uint8_t>(50, 7));
  cuda::fill_bytes(37, 1, bytes.data() + 3, device.context);
  std::vector<std::uint8_t> want(50, 7);
  std::fill_n(want.begin() + 3, 37, std::uint8_t{1});
  EXPECT_EQ(bytes.values(), want);
}

}  // namespace
}  // namespace stepcast
