#include "kernels/reference/softmax.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

TEST(Softmax, ForwardAndBackwardAgreeWithTheReference) {
  for (const auto& [queries, keys] : {std::pair{1, 1}, {7, 7}, {33, 33}, {5, 129}, {129, 65}})
    for (const bool causal : {false, true}) {
      const SoftmaxShape shape{
          .matrices = 3, .queries = queries, .keys = keys, .causal = causal, .scale = 0.3f};
      const std::int64_t n = 3 * queries * keys;
      const auto scores = random_values(n, 1, 20), dp = random_values(n, 2);
      std::vector<float> got(n), want(n), got_gradient(n), want_gradient(n);
      cpu::softmax_forward(shape, scores.data(), got.data());
      reference::softmax_forward(shape, scores.data(), want.data());
      // Scores reach 25: an exponent is off by 25 ulps.
      expect_close(got, want, {.elementary = 64, .terms = keys});
      cpu::softmax_backward(shape, want.data(), dp.data(), got_gradient.data());
      reference::softmax_backward(shape, want.data(), dp.data(), want_gradient.data());
      // scale * p * (dp - sum of p dp): where one key has nearly all of p, both are nearly its dp.
      const double cancelled = shape.scale * reference::largest_magnitude(std::span(dp));
      expect_close(got_gradient, want_gradient, {.terms = keys, .cancelled = cancelled});
    }
}

TEST(Softmax, WorksInPlace) {
  const SoftmaxShape shape{.matrices = 2, .queries = 40, .keys = 40, .causal = true};
  const auto scores = random_values(3200, 1), dp = random_values(3200, 2);
  std::vector<float> p(3200), in_place = scores, dscores(3200), gradient_in_place = dp;
  cpu::softmax_forward(shape, scores.data(), p.data());
  cpu::softmax_forward(shape, in_place.data(), in_place.data());
  EXPECT_EQ(in_place, p);
  cpu::softmax_backward(shape, p.data(), dp.data(), dscores.data());
  cpu::softmax_backward(shape, p.data(), gradient_in_place.data(), gradient_in_place.data());
  EXPECT_EQ(gradient_in_place, dscores);
}

TEST(Softmax, FarApartScoresAndRowsWithoutKeys) {
  // 2 queries, 1 key, causal: the first query sees nothing.
  std::vector<float> p = {5, 5};
  cpu::softmax_forward({.matrices = 1, .queries = 2, .keys = 1, .causal = true}, p.data(),
                       p.data());
  EXPECT_EQ(p, (std::vector<float>{0, 1}));
  std::vector<float> far = {-1e30f, 1e30f, 0};
  cpu::softmax_forward({.matrices = 1, .queries = 1, .keys = 3}, far.data(), far.data());
  EXPECT_LT(far[0], 1e-30f);
  EXPECT_EQ(far[1], 1);
}

}  // namespace
}  // namespace stepcast
