#include "sim/cost/stack_profile.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

StackProfile read(const std::string& json, Problems& problems) {
  return read_stack_profile(parse_json(json, "s.json").root(), problems);
}

TEST(StackProfile, ReadsNumbersTimesAndSizes) {
  Problems problems;
  const StackProfile stack = read(R"({"name": "mine", "grade": "fitted", "source": "a sweep",
      "gemm_efficiency": 0.9, "score_bytes": 13, "issue_forward": "35 us", "per_step": "0 s",
      "context_memory": "3 GB", "fragmentation": 1.2, "relative_sigma": 0.05,
      "collective_sms": 24, "p2p_sms": 4, "collective_memory_share": 0.125})",
                                  problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(stack.grade, Grade::kFitted);
  EXPECT_EQ(stack.gemm_efficiency, 0.9);
  EXPECT_EQ(stack.score_bytes, 13);
  EXPECT_DOUBLE_EQ(stack.issue_forward.value(), 35e-6);
  EXPECT_EQ(stack.per_step, Seconds(0));
  EXPECT_EQ(stack.context_memory, Bytes(3'000'000'000));
  EXPECT_EQ(stack.fragmentation, 1.2);
  EXPECT_EQ(stack.collective_sms, 24);
  EXPECT_EQ(stack.p2p_sms, 4);
  EXPECT_EQ(stack.collective_memory_share, 0.125);
}

TEST(StackProfile, SaysWhereItWasFitted) {
  Problems problems;
  const StackProfile stack = read(R"({"name": "mine", "fitted_generations": ["ampere", "hopper"],
      "fitted_precisions": ["fp16", "fp8"]})",
                                  problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(stack.fitted_generations, (std::vector<std::string>{"ampere", "hopper"}));
  EXPECT_EQ(stack.fitted_precisions, (std::vector<Dtype>{Dtype::kFp16, Dtype::kFp8}));
  JsonWriter json;
  write_stack_profile(json, stack, "");
  EXPECT_EQ(read(json.text(), problems).fitted_precisions, stack.fitted_precisions);
  read(R"({"name": "mine", "fitted_generations": "ampere", "fitted_precisions": ["int4"]})",
       problems);
  EXPECT_EQ(problems.all().size(), 2u);
}

TEST(StackProfile, MissingKeysKeepTheirDefaults) {
  Problems problems;
  const StackProfile stack = read(R"({"name": "mine"})", problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(stack.gemm_efficiency, 1.0);
  EXPECT_EQ(stack.collective_sms, 0) << "transfers take nothing unless somebody says so";
  EXPECT_EQ(stack.grade, Grade::kAssumed);
}

TEST(StackProfile, WhatIsWrittenReadsBackTheSame) {
  Problems problems;
  StackProfile stack = read(R"({"name": "mine", "grade": "fitted", "gemm_efficiency": 0.8125,
      "issue_p2p": "61.5 us", "per_step": "12 ms", "context_memory": "3 GB"})",
                            problems);
  JsonWriter json;
  write_stack_profile(json, stack, "a sweep");
  const StackProfile again = read(json.text(), problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(again.name, stack.name);
  EXPECT_EQ(again.grade, stack.grade);
  EXPECT_EQ(again.gemm_efficiency, stack.gemm_efficiency);
  EXPECT_EQ(again.issue_p2p, stack.issue_p2p);
  EXPECT_EQ(again.per_step, stack.per_step);
  EXPECT_EQ(again.context_memory, stack.context_memory);
  EXPECT_EQ(again.fragmentation, stack.fragmentation);
}

TEST(StackProfile, EveryNumberIsBounded) {
  Problems problems;
  read(R"({"name": "mine", "gemm_efficiency": 0, "memory_efficiency": 1e9, "fragmentation": 0.5,
           "issue_forward": "2 h", "context_memory": "1000 TB", "relative_sigma": -1})",
       problems);
  EXPECT_EQ(problems.all().size(), 6u);
}

}  // namespace
}  // namespace stepcast
