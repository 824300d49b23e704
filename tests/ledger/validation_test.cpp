#include "sim/ledger/validation.h"

#include <gtest/gtest.h>

#include "sim/base/json_fields.h"
#include "sim/ledger/validation_text.h"

namespace stepcast {
namespace {

RowAnswer timed(std::string id, double measured, double predicted, std::string framework = "f") {
  RowAnswer row;
  row.id = std::move(id);
  row.measured_s = measured;
  row.predicted_s = predicted;
  row.relative_sigma = 0.1;
  row.labels = {{"framework", std::move(framework)}, {"kind", "singlenode"}};
  return row;
}

RowAnswer skipped(std::string id, std::string reason) {
  RowAnswer row;
  row.id = std::move(id);
  row.skipped = std::move(reason);
  return row;
}

const std::vector<std::string> kByFramework{"framework"};

TEST(Validation, SumsUpPredictedRowsAndCountsCoverage) {
  const Validation v =
      sum_up("step_times", {timed("a", 10, 11), timed("b", 10, 8), skipped("c", "no stack")},
             kByFramework);
  EXPECT_EQ(v.predicted, 2);
  EXPECT_DOUBLE_EQ(v.coverage, 2.0 / 3.0);
  EXPECT_NEAR(v.error.mean_abs, 0.15, 1e-12);  // +10 % and -20 %
  EXPECT_NEAR(v.error.bias, -0.05, 1e-12);
}

TEST(Validation, GroupsByLabelInOrderOfName) {
  const Validation v = sum_up(
      "step_times", {timed("a", 10, 11, "z"), timed("b", 10, 8, "b"), timed("c", 10, 10, "b")},
      kByFramework);
  ASSERT_EQ(v.groups.size(), 2u);
  EXPECT_EQ(v.groups[0].name, "b");
  EXPECT_EQ(v.groups[0].rows, 2);
  EXPECT_NEAR(v.groups[0].error.mean_abs, 0.1, 1e-12);
  EXPECT_EQ(v.groups[1].name, "z");
}

TEST(Validation, IntervalCoverageCountsMeasurementsInside) {
  // 90 % interval of 10 s at sigma 0.1: 8.355 .. 11.645.
  const Validation v =
      sum_up("t", {timed("a", 11.6, 10), timed("b", 11.7, 10), timed("c", 8.4, 10)}, {});
  EXPECT_NEAR(v.interval_coverage, 2.0 / 3.0, 1e-12);
}

TEST(Validation, RanksByTimePerTokenInsideGroups) {
  RowAnswer slow = timed("a", 10, 12), large = timed("b", 16, 20), alone = timed("c", 1, 9);
  slow.ranking_group = large.ranking_group = "m|c|8";
  alone.ranking_group = "m|c|16";
  slow.tokens = 100;   // measured 0.1, predicted 0.12 per token
  large.tokens = 200;  // measured 0.08, predicted 0.1
  const Validation v = sum_up("t", {slow, large, alone}, {});
  EXPECT_EQ(v.ranking.groups, 1);
  EXPECT_DOUBLE_EQ(v.ranking.kendall_tau, 1);
  EXPECT_DOUBLE_EQ(v.ranking.regret, 0);
}

TEST(Validation, RowsOfACellCountOnce) {
  RowAnswer a = timed("a", 10, 11), b = timed("b", 10, 13), c = timed("c", 10, 6);
  a.cell = b.cell = "x";
  c.cell = "y";
  const Validation v = sum_up("t", {a, b, c}, {});
  ASSERT_EQ(v.groups.size(), 1u);
  EXPECT_EQ(v.groups[0].by, "cell");
  EXPECT_EQ(v.groups[0].rows, 2);
  EXPECT_NEAR(v.groups[0].error.mean_abs, 0.3, 1e-12);  // mean(+10, +30) = 20 %, and -40 %
}

TEST(Validation, MemoryAndFitAreCounted) {
  RowAnswer ran = timed("a", 10, 10), died;
  ran.fit = "fits";
  ran.memory = {.measured_gb = 40, .predicted_gb = 44};
  died.id = "b";
  died.fit = "does not fit";
  died.predicted_oom = died.was_oom = true;
  const Validation v = sum_up("t", {ran, died}, {});
  EXPECT_EQ(v.oom.true_fit, 1);
  EXPECT_EQ(v.oom.true_oom, 1);
  EXPECT_EQ(v.memory.rows, 1);
  EXPECT_NEAR(v.memory.bias, 0.1, 1e-12);
  EXPECT_EQ(v.predicted, 2);
}

TEST(ValidationJson, HasEveryPromisedKeyAndNullForAbsentFigures) {
  RowAnswer died;
  died.id = "b";
  died.fit = "does not fit";
  const Validation v =
      sum_up("step_times", {timed("a", 10, 11), died, skipped("c", "no \"stack\"")}, kByFramework);
  const JsonValue root = parse_json(to_json(v), "out").root();
  for (const char* key : {"kind", "rows", "predicted", "coverage", "skipped", "error", "ranking",
                          "oom", "memory", "interval_coverage", "groups", "results"})
    EXPECT_TRUE(root.member(key).has_value()) << key;
  const auto results = root.member("results")->elements();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_NEAR(results[0].member("error")->as_number().value(), 0.1, 1e-9);
  EXPECT_FALSE(results[1].member("measured_s")->is_number());
  EXPECT_EQ(root.member("skipped")->elements().at(0).member("reason")->as_string(), "no \"stack\"");
}

TEST(ValidationJson, FiguresOfNoRowsAreNull) {
  RowAnswer died;
  died.id = "a";
  const JsonValue root = parse_json(to_json(sum_up("t", {died}, {})), "out").root();
  EXPECT_EQ(root.member("error")->member("rows")->as_number(), 0);
  for (const char* summary : {"error", "memory"})
    for (const char* figure : {"median_abs", "bias"})
      EXPECT_FALSE(root.member(summary)->member(figure)->is_number()) << summary << figure;
  EXPECT_FALSE(root.member("ranking")->member("kendall_tau")->is_number());
  EXPECT_FALSE(root.member("interval_coverage")->is_number());
}

TEST(ValidationTable, TellsRowsFromRowsWithATime) {
  RowAnswer died;
  died.id = "b";
  const std::string text = to_table(sum_up("t", {timed("a", 10, 11), died}, {}));
  EXPECT_NE(text.find("     2      1    10.0 %"), std::string::npos) << text;
  const std::string nothing = to_table(sum_up("t", {died}, {}));
  EXPECT_NE(nothing.find("     1      0         -"), std::string::npos) << nothing;
  EXPECT_EQ(nothing.find('%', nothing.find("all ")), std::string::npos) << nothing;
}

TEST(ValidationTable, CountsSkippedRowsByReason) {
  const Validation v = sum_up("t", {skipped("a", "x"), skipped("b", "x"), skipped("c", "y")}, {});
  const std::string text = to_table(v);
  EXPECT_NE(text.find("     2  x\n"), std::string::npos);
  EXPECT_NE(text.find("     1  y\n"), std::string::npos);
}

}  // namespace
}  // namespace stepcast
