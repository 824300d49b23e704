#include "kernels/ops/embedding.h"

#include "kernels/reference/embedding.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

template <typename T>
struct Embedding : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(Embedding, Types);

// Ids 0 .. 19 of which rows 5 .. 14 are held; most ids come many times.
TYPED_TEST(Embedding, ForwardAndBackwardAgreeWithTheReference) {
  using T = TypeParam;
  for (const auto& [tokens, width] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {33, 7}, {300, 72}})
    for (const bool add : {false, true}) {
      const EmbeddingShape shape{.tokens = tokens, .width = width, .first = 5, .last = 15};
      const auto ids = random_ids(tokens, 20, 1);
      const auto table = as_stored<T>(random_values(10 * width, 2));
      auto y = as_stored<T>(random_values(tokens * width, 3));
      auto dtable = random_values(10 * width, 4);
      const DeviceArray<std::int32_t> on_ids(ids);
      const auto on_table = on_device<T>(table), on_y = on_device<T>(y);
      const DeviceArray<float> on_dtable(dtable);
      cuda::embedding_backward(shape, on_ids.data(), on_y.data(), on_dtable.data(),
                               this->device.context);
      reference::embedding_backward(shape, ids.data(), y.data(), dtable.data());
      expect_close(from_device(on_dtable), dtable, {.terms = tokens});
      cuda::embedding_forward(shape, on_ids.data(), on_table.data(), on_y.data(), add,
                              this->device.context);
      reference::embedding_forward(shape, ids.data(), table.data(), y.data(), add);
      expect_stored(on_y, y, {.elementary = 1});
    }
}

// Rows 3, 4, ... of a table of 5: 7 rows of dy reach rows 3, 4, 0, 1, 2, 3, 4.
TYPED_TEST(Embedding, PositionsRepeatAndTheirGradientsAddUp) {
  using T = TypeParam;
  for (const std::int64_t width : {3, 16}) {
    const auto table = as_stored<T>(random_values(5 * width, 1));
    auto y = as_stored<T>(random_values(7 * width, 2));
    std::vector<float> dtable = random_values(5 * width, 3);
    const auto on_table = on_device<T>(table), on_y = on_device<T>(y);
    const DeviceArray<float> on_dtable(dtable);
    cuda::add_repeated_rows(7, width, 3, 5, on_y.data(), on_dtable.data(), this->device.context);
    cuda::add_positions(7, width, 3, 5, on_table.data(), on_y.data(), this->device.context);
    for (std::int64_t row = 0; row < 7; ++row)
      for (std::int64_t c = 0; c < width; ++c) {
        const auto at = static_cast<std::size_t>(row * width + c);
        const auto in_table = static_cast<std::size_t>((3 + row) % 5 * width + c);
        dtable[in_table] += y[at];
        y[at] += table[in_table];
      }
    expect_close(from_device(on_dtable), dtable, {.terms = 2});
    expect_stored(on_y, y, {});
  }
}

}  // namespace
}  // namespace stepcast
