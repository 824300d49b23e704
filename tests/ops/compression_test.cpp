// To the bit what kernels/cpu/compression.h computes, which tests/cpu compares with its definition.
#include "kernels/ops/compression.h"

#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

/// `offset`: so many elements behind a multiple of 16 bytes.
void expect_top_k(const std::vector<float>& x, std::int64_t k, std::int64_t offset = 0) {
  TestDevice device;
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<std::int32_t> indices(static_cast<std::size_t>(k));
  std::vector<float> values(static_cast<std::size_t>(k)), sum = x;
  cpu::top_k(n, k, x.data(), indices.data(), values.data());
  std::vector<float> with_offset(static_cast<std::size_t>(offset), 9.0F);
  with_offset.insert(with_offset.end(), x.begin(), x.end());
  const DeviceArray<float> on_x(with_offset), on_values(values.size());
  const DeviceArray<std::int32_t> on_indices(indices.size());
  cuda::top_k(n, k, on_x.data() + offset, on_indices.data(), on_values.data(), device.context);
  EXPECT_EQ(on_indices.values(), indices);
  EXPECT_EQ(on_values.values(), values);
  cuda::add_sparse(k, on_indices.data(), on_values.data(), on_x.data() + offset, device.context);
  cpu::add_sparse(k, indices.data(), values.data(), sum.data());
  sum.insert(sum.begin(), with_offset.begin(), with_offset.begin() + offset);
  EXPECT_EQ(on_x.values(), sum);
}

TEST(TopKOps, TheLargestMagnitudesInOrder) {
  for (const std::int64_t n : {1, 100, 9000, 90'000})
    for (const std::int64_t k : {std::int64_t{1}, n / 10 + 1, n})
      for (const std::int64_t offset : {0, 1}) expect_top_k(random_values(n, 1), k, offset);
}

// Five values of either sign: many are equal to the k-th, over the borders of warps and chunks.
TEST(TopKOps, OfEqualOnesTheEarlier) {
  std::vector<float> x;
  for (const std::int32_t id : random_ids(9000, 9, 1)) x.push_back(static_cast<float>(id - 4));
  for (const std::int64_t k : {1, 500, 4097, 8500}) expect_top_k(x, k);
}

TEST(QuantizeOps, NumbersScalesAndWhatComesBack) {
  TestDevice device;
  for (const QuantizeShape& shape : std::vector<QuantizeShape>{
           {.n = 1}, {.n = 1000}, {.n = 999, .block = 100}, {.n = 4096, .block = 64}}) {
    auto x = random_values(shape.n, 1);
    if (shape.n > 900) std::fill_n(x.begin() + shape.block, shape.block, 0.0F);  // scale 0
    std::vector<std::int8_t> q(x.size());
    std::vector<float> scales(static_cast<std::size_t>(shape.blocks())), back(x.size());
    cpu::quantize(shape, x.data(), q.data(), scales.data());
    cpu::dequantize(shape, q.data(), scales.data(), back.data());
    const DeviceArray<float> on_x(x), on_scales(scales.size());
    const DeviceArray<std::int8_t> on_q(q.size());
    cuda::quantize(shape, on_x.data(), on_q.data(), on_scales.data(), device.context);
    EXPECT_EQ(on_q.values(), q);
    EXPECT_EQ(on_scales.values(), scales);
    cuda::dequantize(shape, on_q.data(), on_scales.data(), on_x.data(), device.context);
    EXPECT_EQ(on_x.values(), back);
  }
}

}  // namespace
}  // namespace stepcast
