#include "sim/ledger/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace stepcast {
namespace {

TEST(Statistics, PercentileInterpolatesBetweenOrderStatistics) {
  const std::vector<double> x{40, 10, 30, 20};  // sorted 10 20 30 40, places 0 1 2 3
  EXPECT_DOUBLE_EQ(percentile(x, 0), 10);
  EXPECT_DOUBLE_EQ(percentile(x, 1), 40);
  EXPECT_DOUBLE_EQ(percentile(x, 0.5), 25);  // place 1.5
  EXPECT_DOUBLE_EQ(percentile(x, 0.9), 37);  // place 2.7
  EXPECT_DOUBLE_EQ(median(std::vector<double>{3}), 3);
  EXPECT_DOUBLE_EQ(mean(x), 25);
}

TEST(Statistics, MeanDoesNotDependOnTheOrder) {
  const std::vector<double> a{1e16, 1, -1e16, 3}, b{3, 1e16, 1, -1e16};
  EXPECT_EQ(mean(a), mean(b));
}

TEST(Statistics, SummaryOfSignedErrors) {
  // |e| sorted: 0.1 0.1 0.2 0.4; signed sorted: -0.4 -0.1 0.1 0.2
  const ErrorSummary s = summarize(std::vector<double>{-0.1, 0.2, 0.1, -0.4});
  EXPECT_DOUBLE_EQ(s.median_abs, 0.15);
  EXPECT_DOUBLE_EQ(s.mean_abs, 0.2);
  EXPECT_NEAR(s.p90_abs, 0.34, 1e-15);  // place 2.7: 0.2 + 0.7 * 0.2
  EXPECT_DOUBLE_EQ(s.bias, 0.0);
}

TEST(Statistics, KendallTauWithoutTies) {
  // b against 1 2 3 4: pairs of 1 3 2 4: only (3, 2) is discordant: (5 - 1) / 6.
  const std::vector<double> a{1, 2, 3, 4}, b{1, 3, 2, 4}, reversed{4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(kendall_tau_b(a, b).value(), 4.0 / 6.0);
  EXPECT_DOUBLE_EQ(kendall_tau_b(a, a).value(), 1);
  EXPECT_DOUBLE_EQ(kendall_tau_b(a, reversed).value(), -1);
}

TEST(Statistics, KendallTauCorrectsForTies) {
  // Pairs of a = 1 1 2, b = 1 2 3: (0,1) tied in a, the other two concordant: 2 / sqrt(2 * 3).
  const std::vector<double> a{1, 1, 2}, b{1, 2, 3}, flat{5, 5, 5};
  EXPECT_DOUBLE_EQ(kendall_tau_b(a, b).value(), 2 / std::sqrt(6.0));
  EXPECT_FALSE(kendall_tau_b(a, flat).has_value());
  EXPECT_FALSE(kendall_tau_b(std::vector<double>{1}, std::vector<double>{1}).has_value());
}

TEST(Statistics, RegretIsThePriceOfFollowingThePrediction) {
  // The least prediction is the second; it measured 12, the best 10: 20 % slower.
  EXPECT_DOUBLE_EQ(regret(std::vector<double>{5, 4, 6}, std::vector<double>{10, 12, 15}), 0.2);
  EXPECT_DOUBLE_EQ(regret(std::vector<double>{1, 2}, std::vector<double>{3, 4}), 0);
}

TEST(Statistics, OomCountsMakeAConfusionMatrix) {
  OomCounts counts;
  counts.add(true, true);
  counts.add(true, false);
  counts.add(false, true);
  counts.add(false, false);
  counts.add(false, false);
  EXPECT_EQ(counts.true_oom, 1);
  EXPECT_EQ(counts.false_oom, 1);
  EXPECT_EQ(counts.false_fit, 1);
  EXPECT_EQ(counts.true_fit, 2);
  EXPECT_DOUBLE_EQ(counts.accuracy(), 0.6);
  EXPECT_EQ(OomCounts{}.accuracy(), 0);
}

}  // namespace
}  // namespace stepcast
