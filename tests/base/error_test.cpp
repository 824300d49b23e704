#include "sim/base/error.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

TEST(Problem, TextHasFileLineColumnPathAndMessage) {
  const Problem problem{.file = "scenarios/a.json",
                        .line = 12,
                        .column = 5,
                        .path = "plan.tp",
                        .message = "= 6 must divide num_heads = 32"};
  EXPECT_EQ(problem.text(), "scenarios/a.json:12:5: plan.tp = 6 must divide num_heads = 32");
}

TEST(Problem, EmptyPartsAreLeftOut) {
  EXPECT_EQ((Problem{.message = "no such command"}).text(), "no such command");
  EXPECT_EQ((Problem{.file = "a.json", .message = "cannot open"}).text(), "a.json: cannot open");
  EXPECT_EQ((Problem{.file = "a.csv", .line = 3, .message = "too short"}).text(),
            "a.csv:3: too short");
  EXPECT_EQ((Problem{.path = "plan.tp", .message = "= 0 is too small"}).text(),
            "plan.tp = 0 is too small");
}

TEST(Problem, AMessageAboutTheKeyFollowsWithoutSpace) {
  EXPECT_EQ((Problem{.path = "plan.tq", .message = ": unknown key"}).text(),
            "plan.tq: unknown key");
}

TEST(Error, WhatHasOneLinePerProblem) {
  const Error error(ErrorKind::kInfeasible, {Problem{.message = "one"}, Problem{.message = "two"}});
  EXPECT_STREQ(error.what(), "one\ntwo");
  EXPECT_EQ(error.kind(), ErrorKind::kInfeasible);
  EXPECT_EQ(error.problems().size(), 2u);
}

TEST(Error, WhatEndsAfterTwentyProblemsWithACount) {
  std::vector<Problem> problems;
  std::string expected;
  for (int i = 0; i < 23; ++i) {
    problems.push_back({.message = "p" + std::to_string(i)});
    if (i < 20) expected += "p" + std::to_string(i) + "\n";
  }
  const Error error(ErrorKind::kInput, problems);
  EXPECT_EQ(error.what(), expected + "... and 3 more");
  EXPECT_EQ(error.problems().size(), 23u);
}

TEST(Error, ABareMessageIsOneProblem) {
  const Error error(ErrorKind::kUsage, "no such command");
  EXPECT_STREQ(error.what(), "no such command");
  ASSERT_EQ(error.problems().size(), 1u);
}

TEST(Check, FailureNamesConditionPlaceAndMessage) {
  EXPECT_NO_THROW(STEPCAST_CHECK(1 + 1 == 2, "arithmetic"));
  try {
    STEPCAST_CHECK(1 + 1 == 3, "arithmetic is broken");
    FAIL();
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("base/error_test.cpp:")) << text;
    EXPECT_NE(text.find("arithmetic is broken (1 + 1 == 3 does not hold"), std::string::npos);
  }
}

}  // namespace
}  // namespace stepcast
