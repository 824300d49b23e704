#include "kernels/ops/rotary.h"

#include "kernels/reference/rotary.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

template <typename T>
struct Rotary : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(Rotary, Types);

// Three columns behind the heads stay what they are.
TYPED_TEST(Rotary, BothPairingsAndDirectionsAgreeWithTheReference) {
  using T = TypeParam;
  for (const RotaryPairs pairs : {RotaryPairs::kHalves, RotaryPairs::kInterleaved})
    for (const auto& [head_dim, behind] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{2, 3}, {6, 3}, {32, 16}})
      for (const bool inverse : {false, true}) {
        const RotaryShape shape{.sequences = 2,
                                .tokens = 5,
                                .heads = 3,
                                .head_dim = head_dim,
                                .stride = 3 * head_dim + behind,
                                .first_position = 7,
                                .pairs = pairs};
        const auto x = as_stored<T>(random_values(10 * shape.stride, 1));
        std::vector<float> want = x;
        const cuda::DeviceRotaryTable table(RotaryTable(12, head_dim));
        const auto on_x = on_device<T>(x);
        cuda::rotary(shape, table, inverse, on_x.data(), on_x.data(), this->device.context);
        reference::rotary(shape, 10000, inverse, x.data(), want.data());
        expect_stored(on_x, want, {.elementary = 8, .terms = 2});
      }
}

}  // namespace
}  // namespace stepcast
