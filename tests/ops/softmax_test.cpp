#include "kernels/ops/softmax.h"

#include "kernels/reference/softmax.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

template <typename T>
struct Softmax : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(Softmax, Types);

TYPED_TEST(Softmax, ForwardAndBackwardAgreeWithTheReferenceAlsoInPlace) {
  using T = TypeParam;
  for (const auto& [queries, keys] : {std::pair{1, 1}, {7, 7}, {32, 32}, {5, 129}, {40, 24}})
    for (const bool causal : {false, true}) {
      const SoftmaxShape shape{
          .matrices = 3, .queries = queries, .keys = keys, .causal = causal, .scale = 0.3f};
      const std::int64_t n = 3 * queries * keys;
      const auto scores = as_stored<T>(random_values(n, 1, 20));
      const auto dp = as_stored<T>(random_values(n, 2));
      std::vector<float> want(scores.size()), gradient(scores.size());
      const auto p = on_device<T>(scores), dscores = on_device<T>(dp);
      cuda::softmax_forward(shape, p.data(), p.data(), this->device.context);
      reference::softmax_forward(shape, scores.data(), want.data());
      // Scores reach 25: an exponent is off by 25 ulps.
      expect_stored(p, want, {.elementary = 64, .terms = keys});
      want = from_device(p);
      cuda::softmax_backward(shape, p.data(), dscores.data(), dscores.data(), this->device.context);
      reference::softmax_backward(shape, want.data(), dp.data(), gradient.data());
      // scale * p * (dp - sum of p dp): where one key has nearly all of p, both are nearly its dp.
      const double cancelled = shape.scale * reference::largest_magnitude(std::span(dp));
      expect_stored(dscores, gradient, {.terms = keys, .cancelled = cancelled});
    }
}

TYPED_TEST(Softmax, RowsWithoutKeysAreZeros) {
  // 2 queries, 1 key, causal: the first query sees nothing.
  const auto p = on_device<TypeParam>({5, 5});
  cuda::softmax_forward({.matrices = 1, .queries = 2, .keys = 1, .causal = true}, p.data(),
                        p.data(), this->device.context);
  EXPECT_EQ(from_device(p), (std::vector<float>{0, 1}));
}

TEST(SoftmaxRange, FarApartScoresStayFinite) {
  TestDevice device;
  const DeviceArray<float> far(std::vector<float>{-1e30f, 1e30f, 0});
  cuda::softmax_forward({.matrices = 1, .queries = 1, .keys = 3}, far.data(), far.data(),
                        device.context);
  EXPECT_LT(far.values()[0], 1e-30f);
  EXPECT_EQ(far.values()[1], 1);
}

}  // namespace
}  // namespace stepcast
