#include "kernels/reference/optimizer.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

TEST(AdamUpdate, AgreesWithTheReferenceOverSteps) {
  for (const std::int64_t n : {1, 7, 33, 1029}) {
    std::vector<float> w = random_values(n, 1), m(n), v(n), want_w = w, want_m = m, want_v = v;
    for (std::int64_t step = 1; step <= 5; ++step) {
      const Adam settings{.weight_decay = 0.1f, .gradient_scale = 0.5f, .step = step};
      const auto g = random_values(n, 10 + static_cast<std::uint32_t>(step));
      cpu::adam(settings, n, g.data(), w.data(), m.data(), v.data());
      reference::adam(settings, n, g.data(), want_w.data(), want_m.data(), want_v.data());
    }
    expect_close(w, want_w, {.elementary = 32});
    expect_close(m, want_m, {.elementary = 32, .terms = 5});
    expect_close(v, want_v, {.elementary = 64, .terms = 5});
  }
}

// The first step moves by learning_rate against the gradient's sign, whatever its size.
TEST(AdamUpdate, FirstStepIsTheLearningRate) {
  const std::vector<float> g = {1e-3f, -50};
  std::vector<float> w = {1, 1}, m(2), v(2);
  cpu::adam({.learning_rate = 0.25f}, 2, g.data(), w.data(), m.data(), v.data());
  EXPECT_NEAR(w[0], 0.75, 1e-4);
  EXPECT_NEAR(w[1], 1.25, 1e-4);
}

/// One step of LAMB on a tensor that lies in shares, the last from `cuts[i]` on.
void lamb_of_shares(const Adam& settings, const std::vector<std::int64_t>& cuts,
                    const std::vector<float>& g, std::vector<float>& w, std::vector<float>& m,
                    std::vector<float>& v) {
  std::vector<float> u(w.size());
  LambNorms norms;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    const std::int64_t at = cuts[i];
    const LambNorms share =
        cpu::lamb_direction(settings, cuts[i + 1] - at, &g[at], &w[at], &m[at], &v[at], &u[at]);
    norms.weights += share.weights;
    norms.direction += share.direction;
  }
  const float step = settings.learning_rate * trust_ratio(norms);
  cpu::lamb_apply(step, static_cast<std::int64_t>(w.size()), u.data(), w.data());
}

TEST(LambUpdate, WholeAndSharedTensorsAgreeWithTheReference) {
  for (const auto& cuts : {std::vector<std::int64_t>{0, 129}, {0, 7, 100, 129}}) {
    std::vector<float> w = random_values(129, 1), m(129), v(129), want_w = w, want_m = m;
    std::vector<float> want_v = v;
    for (std::int64_t step = 1; step <= 4; ++step) {
      const Adam settings{.weight_decay = 0.01f, .step = step};
      const auto g = random_values(129, 20 + static_cast<std::uint32_t>(step));
      lamb_of_shares(settings, cuts, g, w, m, v);
      reference::lamb(settings, 129, g.data(), want_w.data(), want_m.data(), want_v.data());
    }
    expect_close(w, want_w, {.elementary = 32});
    expect_close(m, want_m, {.elementary = 32, .terms = 4});
    expect_close(v, want_v, {.elementary = 64, .terms = 4});
  }
}

TEST(LambUpdate, TrustRatioOfNothingIsOne) {
  EXPECT_EQ(trust_ratio({.weights = 0, .direction = 4}), 1);
  EXPECT_EQ(trust_ratio({.weights = 4, .direction = 0}), 1);
  EXPECT_EQ(trust_ratio({.weights = 36, .direction = 4}), 3);  // norms 6 and 2
}

TEST(SgdUpdate, AgreesWithTheReferenceOverSteps) {
  std::vector<float> w = random_values(129, 1), u(129), want_w = w, want_u = u;
  for (std::uint32_t step = 0; step < 4; ++step) {
    const Sgd settings{.weight_decay = 0.01f, .gradient_scale = 2};
    const auto g = random_values(129, step);
    cpu::sgd(settings, 129, g.data(), w.data(), u.data());
    reference::sgd(settings, 129, g.data(), want_w.data(), want_u.data());
  }
  expect_close(w, want_w, {.terms = 4});
  expect_close(u, want_u, {.terms = 4});
}

TEST(GradientNorm, SumsOfShardsAreTheSumOfTheWhole) {
  const auto g = random_values(1000003, 1);
  double want = 0;
  for (const float value : g) want += static_cast<double>(value) * value;
  EXPECT_NEAR(cpu::sum_of_squares(1000003, g.data()), want, 1e-12 * want);
  EXPECT_NEAR(cpu::sum_of_squares(500000, g.data()) + cpu::sum_of_squares(500003, &g[500000]), want,
              1e-12 * want);
}

TEST(GradientNorm, ClipFactor) {
  EXPECT_EQ(clip_factor(0.5, 1), 1);
  EXPECT_NEAR(clip_factor(4, 1), 0.25, 1e-6);
}

}  // namespace
}  // namespace stepcast
