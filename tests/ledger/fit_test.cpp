#include "sim/ledger/fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "sim/ledger/fit_parameters.h"

namespace stepcast {
namespace {

/// time_i = size_i / x_0: one parameter, exact.
class Rate : public RowModel {
 public:
  std::size_t num_rows() const override { return sizes.size(); }
  std::vector<std::vector<double>> predict(
      const std::vector<std::vector<double>>& points) override {
    std::vector<std::vector<double>> times;
    for (const std::vector<double>& x : points) {
      times.emplace_back();
      for (const double size : sizes) times.back().push_back(size / x[0]);
    }
    return times;
  }
  std::vector<double> sizes{1, 2, 3, 4, 5, 6};
};

const std::vector<Prior> kRate{
    {.name = "rate", .centre = 1, .sigma = 5, .lower = 0.01, .upper = 100}};

TEST(LeaveGroupsOut, PredictsEachGroupByTheOthers) {
  Rate model;
  // The first four rows ran at rate 2, the last two, of their own group, at rate 1.
  const FitData data{.measured = {0.5, 1, 1.5, 2, 5, 6}, .weights = {}, .noise = 0.05};
  const std::vector<std::string> groups{"a", "a", "b", "b", "c", "c"};
  const FitResult all = fit_logs(model, kRate, data);
  const auto left_out = leave_groups_out(model, kRate, data, all.at, groups);
  // Without c the rate is 2: rows of c come out twice too fast.
  EXPECT_NEAR(*left_out[4], 2.5, 0.05);
  EXPECT_NEAR(*left_out[5], 3.0, 0.06);
  // Without a, two rows at 2 and two at 1 balance between.
  EXPECT_GT(*left_out[0], 0.5);
  EXPECT_LT(*left_out[0], 1.0);
}

TEST(LeaveGroupsOut, OneGroupLeavesNothingToFitTo) {
  Rate model;
  const FitData data{.measured = {1, 2, 3, 4, 5, 6}, .weights = {}, .noise = 0.05};
  const FitResult all = fit_logs(model, kRate, data);
  for (const auto& time :
       leave_groups_out(model, kRate, data, all.at, std::vector<std::string>(6, "only")))
    EXPECT_FALSE(time.has_value());
}

TEST(SigmaAfterFit, FewRowsLeaveTheStacksOwnAndManyReplaceIt) {
  const auto sigma = [](std::int64_t rows, double error, double freedom) {
    const ErrorSummary errors{.rows = rows, .p90_abs = 1.645 * error};
    return sigma_after_fit(errors, freedom, 0.08);
  };
  // One row that one parameter meets exactly says nothing.
  EXPECT_DOUBLE_EQ(sigma(1, 0, 1), 0.08);
  EXPECT_DOUBLE_EQ(sigma(10, 0.06, 0), std::sqrt((0.08 * 0.08 + 0.06 * 0.06) / 2));
  EXPECT_NEAR(sigma(100'000, 0.02, 5), 0.02, 1e-4);
  // 20 rows with 10 parameters: the residuals stand for 10 rows.
  EXPECT_DOUBLE_EQ(sigma(20, 0.04, 10), std::sqrt((0.08 * 0.08 + 2 * 0.04 * 0.04) / 2));
}

TEST(Determination, ComparesPosteriorWithPrior) {
  EXPECT_EQ(determination_of(0.1, 0.3), Determination::kData);
  EXPECT_EQ(determination_of(0.2, 0.3), Determination::kBoth);
  EXPECT_EQ(determination_of(0.29, 0.3), Determination::kPrior);
}

TEST(FitParameters, EveryOneCanBeReadAndSetWithinItsBounds) {
  for (const FitParameter& parameter : fit_parameter_table()) {
    StackProfile stack;
    NetworkProfile network;
    const double middle = (parameter.lower + parameter.upper) / 2;
    ASSERT_GT(parameter.lower, 0) << parameter.name;
    ASSERT_LT(parameter.lower, parameter.upper) << parameter.name;
    set_value(parameter, middle, stack, network);
    EXPECT_EQ(value_of(parameter, stack, network), middle) << parameter.name;
  }
}

TEST(FitParameters, AreFoundWithOrWithoutTheirProfile) {
  const std::vector<std::string> names{"gemm_efficiency", "network.inter_latency_factor"};
  const auto found = find_fit_parameters(names);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]->name, "stack.gemm_efficiency");
  EXPECT_TRUE(found[1]->of_network());
  EXPECT_THROW(find_fit_parameters(std::vector<std::string>{"gemm"}), Error);
  EXPECT_THROW(find_fit_parameters(std::vector<std::string>{"per_step", "stack.per_step"}), Error);
}

TEST(FitParameters, DefaultsLeaveOutWhatCannotMatter) {
  Scenario alone;  // one GPU, no pipeline, fused attention
  alone.num_gpus = 1;
  alone.traits.flash_attention = true;
  alone.topology.node.gpus = 8;
  std::vector<std::string> names;
  for (const FitParameter* parameter : default_fit_parameters({&alone}))
    names.emplace_back(parameter->name);
  const auto has = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  EXPECT_TRUE(has("stack.gemm_efficiency") && has("stack.attention_efficiency"));
  EXPECT_FALSE(has("stack.score_bytes") || has("stack.issue_p2p") ||
               has("network.inter_efficiency"));
}

}  // namespace
}  // namespace stepcast
