#include "sim/ledger/log_fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// time_i = work_i / x_0 + launches_i * x_1; x_2 is asked for but moves nothing.
class WorkAndLaunch : public RowModel {
 public:
  std::size_t num_rows() const override { return work_.size(); }
  std::vector<std::vector<double>> predict(
      const std::vector<std::vector<double>>& points) override {
    std::vector<std::vector<double>> times;
    for (const std::vector<double>& x : points) {
      ++predictions;
      std::vector<double> row;
      for (std::size_t i = 0; i < work_.size(); ++i)
        row.push_back(work_[i] / x[0] + launches_[i] * x[1]);
      times.push_back(row);
    }
    return times;
  }
  std::vector<double> truth(double rate, double launch) {
    return predict({{rate, launch, 1}}).front();
  }
  int predictions = 0;

 private:
  std::vector<double> work_{1, 2, 4, 8, 0.5, 0.1, 3, 0.2};
  std::vector<double> launches_{100, 50, 10, 5, 400, 300, 80, 200};
};

const std::vector<Prior> kPriors{
    {.name = "rate", .centre = 1.0, .sigma = 1.0, .lower = 0.1, .upper = 10},
    {.name = "launch", .centre = 0.01, .sigma = 1.0, .lower = 1e-4, .upper = 1},
    {.name = "idle", .centre = 3, .sigma = 0.4, .lower = 1, .upper = 10},
};

TEST(LogFit, RecoversKnownParameters) {
  WorkAndLaunch model;
  const FitResult fit =
      fit_logs(model, kPriors, {.measured = model.truth(0.7, 0.004), .weights = {}, .noise = 0.01});
  EXPECT_NEAR(fit.at.values[0], 0.7, 0.7 * 2e-3);  // the priors pull by about noise^2 / rows
  EXPECT_NEAR(fit.at.values[1], 0.004, 0.004 * 2e-3);
  EXPECT_LT(fit.sigma[0], 0.02);
}

TEST(LogFit, WhatTheDataDoNotShowStaysAtItsPrior) {
  WorkAndLaunch model;
  const FitResult fit =
      fit_logs(model, kPriors, {.measured = model.truth(0.7, 0.004), .weights = {}, .noise = 0.01});
  EXPECT_NEAR(fit.at.values[2], 3, 1e-9);
  EXPECT_NEAR(fit.sigma[2], 0.4, 1e-9);
}

TEST(LogFit, BoundsAreKeptAndTheOthersGoOn) {
  WorkAndLaunch model;
  std::vector<Prior> priors = kPriors;
  priors[1].upper = 0.02;  // the truth, 0.03, lies outside
  const FitResult fit =
      fit_logs(model, priors, {.measured = model.truth(0.7, 0.03), .weights = {}, .noise = 0.01});
  EXPECT_NEAR(fit.at.values[1], 0.02, 1e-9);
  EXPECT_LT(fit.at.values[0], 1.0);  // slower than its prior, as the data say
}

TEST(LogFit, OneOutlierDoesNotCarryTheFitAway) {
  WorkAndLaunch model;
  FitData data{.measured = model.truth(0.7, 0.004), .weights = {}, .noise = 0.02};
  data.measured[3] *= 3;  // a row of pure work, three times too slow
  const FitResult fit = fit_logs(model, kPriors, data);
  EXPECT_NEAR(fit.at.values[0], 0.7, 0.7 * 0.05);  // plain least squares would end 25 % off
}

TEST(LogFit, RowsWithoutWeightAreNotSeen) {
  WorkAndLaunch model;
  FitData data{
      .measured = model.truth(0.7, 0.004), .weights = std::vector<double>(8, 1.0), .noise = 0.01};
  data.measured[0] *= 100;
  data.weights[0] = 0;
  EXPECT_NEAR(fit_logs(model, kPriors, data).at.values[0], 0.7, 0.7 * 2e-3);
  data.weights.assign(8, 0.0);
  EXPECT_THROW(fit_logs(model, kPriors, data), Error);
}

TEST(LogFit, RefittingIsCheapAndFollowsTheData) {
  WorkAndLaunch model;
  FitData data{
      .measured = model.truth(0.7, 0.004), .weights = std::vector<double>(8, 1.0), .noise = 0.01};
  data.measured[2] *= 1.1;
  const FitResult all = fit_logs(model, kPriors, data);
  data.weights[2] = 0;
  model.predictions = 0;
  const FitResult rest = refit_logs(model, kPriors, data, all.at);
  EXPECT_LE(model.predictions, 5);
  EXPECT_NEAR(rest.at.values[0], 0.7, 0.7 * 3e-3);
}

TEST(LogFit, APriorOutsideItsBoundsIsRefused) {
  WorkAndLaunch model;
  std::vector<Prior> priors = kPriors;
  priors[0].centre = 20;
  EXPECT_THROW(
      fit_logs(model, priors, {.measured = model.truth(1, 1), .weights = {}, .noise = 0.01}),
      Error);
}

}  // namespace
}  // namespace stepcast
