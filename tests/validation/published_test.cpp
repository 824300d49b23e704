// Predictions against published measurements (published.csv, README.md). The bars are what each
// group of rows allows: stacks differ in how much of their configuration is published.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>

#include "sim/ledger/validate.h"
#include "sim/ledger/validation_text.h"

namespace stepcast {
namespace {

const Library kShipped{STEPCAST_SOURCE_DIR};
const std::string kLedger = STEPCAST_SOURCE_DIR "/tests/validation/published.csv";

const Validation& published() {
  static const Validation validation = validate(kLedger, kShipped);
  return validation;
}

GroupSummary framework(const std::string& name) {
  for (const GroupSummary& group : published().groups)
    if (group.by == "framework" && group.name == name) return group;
  ADD_FAILURE() << "no rows of " << name;
  return {};
}

TEST(Published, EveryRowIsPredicted) {
  std::cout << to_table(published(), true);
  EXPECT_EQ(published().coverage, 1);
  for (const RowAnswer& row : published().answers) EXPECT_EQ(row.skipped, "") << row.id;
}

TEST(Published, MegatronOnA100WithinSixPercent) {
  EXPECT_LT(framework("megatron-lm-2022").error.mean_abs, 0.06);
  EXPECT_LT(framework("megatron-deepspeed").error.mean_abs, 0.06);
}

TEST(Published, WhereSomethingWasAssumedWithinTwelvePercent) {
  EXPECT_LT(framework("megatron-lm-2021").error.mean_abs, 0.12);
  EXPECT_LT(framework("megatron-lm-2023").error.mean_abs, 0.12);
}

TEST(Published, NanotronOnH100WithinFifteenPercent) {
  EXPECT_LT(framework("nanotron").error.median_abs, 0.15);
}

TEST(Published, MemoryWithinFivePercentAndEveryVerdictRight) {
  EXPECT_LT(published().memory.median_abs, 0.05);
  EXPECT_EQ(published().oom.accuracy(), 1);
}

/// published_gemm.csv: products that the shipped profiles were not fitted to, eight of each GPU.
TEST(PublishedProducts, ShippedProfilesAreWithinTheirBars) {
  const Validation products =
      validate(STEPCAST_SOURCE_DIR "/tests/validation/published_gemm.csv", kShipped);
  std::cout << to_table(products, true);
  EXPECT_EQ(products.coverage, 1);
  EXPECT_LT(products.error.median_abs, 0.05);
  EXPECT_LT(products.error.mean_abs, 0.08);
  for (const GroupSummary& group : products.groups) {
    if (group.by != "gpu") continue;
    EXPECT_LT(group.error.median_abs, 0.1) << group.name;  // of eight rows
  }
}

/// A larger ledger of the same columns, when STEPCAST_LEDGER names one: printed, held to nothing
/// but an answer for each row.
TEST(Published, ALargerLedgerIsAnsweredRowByRow) {
  const char* path = std::getenv("STEPCAST_LEDGER");
  if (path == nullptr) GTEST_SKIP() << "STEPCAST_LEDGER names no ledger";
  const Validation validation = validate(path, kShipped);
  std::cout << to_table(validation);
  for (const RowAnswer& row : validation.answers)
    EXPECT_TRUE(!row.skipped.empty() || !row.fit.empty() || row.predicted_s) << row.id;
}

}  // namespace
}  // namespace stepcast
