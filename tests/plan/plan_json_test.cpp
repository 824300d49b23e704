#include <gtest/gtest.h>

#include "sim/plan/plan.h"
#include "sim/plan/rank_grid.h"

namespace stepcast {
namespace {

template <typename Read>
std::vector<std::string> problems_of(const std::string& json, Read read) {
  const JsonDocument document = parse_json(json, "t.json");
  Problems problems;
  read(document.root(), problems);
  std::vector<std::string> texts;
  for (const Problem& problem : problems.all()) texts.push_back(problem.text());
  return texts;
}

TEST(ReadPlan, ReadsEveryField) {
  const JsonDocument document = parse_json(R"({"tp": 8, "pp": 4, "dp": 2, "virtual_stages": 3,
      "sequence_parallel": true, "zero_stage": 1, "schedule": "interleaved", "micro_batch_size": 5,
      "recompute": "selective", "overlap_grad_reduce": true, "bucket_size": "100 MiB"})",
                                           "t.json");
  Problems problems;
  const Plan plan = read_plan(document.root(), problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_EQ(plan.tp, 8);
  EXPECT_EQ(plan.pp, 4);
  EXPECT_EQ(plan.dp, 2);
  EXPECT_EQ(plan.world_size(), 64);
  EXPECT_EQ(plan.virtual_stages, 3);
  EXPECT_TRUE(plan.sequence_parallel);
  EXPECT_EQ(plan.zero_stage, 1);
  EXPECT_EQ(plan.schedule, "interleaved");
  EXPECT_EQ(plan.micro_batch_size, 5);
  EXPECT_EQ(plan.recompute, Recompute::kSelective);
  EXPECT_TRUE(plan.overlap_grad_reduce);
  EXPECT_EQ(plan.bucket_size, Bytes{100 << 20});
}

TEST(ReadPlan, AnEmptyPlanIsOneGpu) {
  EXPECT_TRUE(problems_of("{}", read_plan).empty());
  const JsonDocument document = parse_json("{}", "t.json");
  Problems problems;
  EXPECT_EQ(read_plan(document.root(), problems).world_size(), 1);
}

TEST(ReadPlan, GathersEveryMistake) {
  const std::vector<std::string> texts = problems_of(
      R"({"tp": 0, "pp": "four", "zero_stage": 3, "recompute": "ful", "bucket_size": 5, "ttp": 1,
          "overlap_grad_reduce": true})",
      read_plan);
  ASSERT_EQ(texts.size(), 6u) << ::testing::PrintToString(texts);
  for (const char* part : {"tp = 0", "pp", "zero_stage = 3 shards gradients or parameters",
                           "recompute", "bucket_size", "ttp"}) {
    const auto names = [&](const std::string& t) { return t.find(part) != std::string::npos; };
    EXPECT_TRUE(std::any_of(texts.begin(), texts.end(), names)) << part;
  }
}

TEST(ReadTraining, NeedsABatchAndASequence) {
  EXPECT_EQ(problems_of("{}", read_training).size(), 2u);
  EXPECT_EQ(
      problems_of(R"({"global_batch_size": 8, "seq_len": 128, "optimizer": "lamb"})", read_training)
          .size(),
      1u);
  const JsonDocument document =
      parse_json(R"({"global_batch_size": 8, "seq_len": 128, "precision": "fp16"})", "t.json");
  Problems problems;
  const Training training = read_training(document.root(), problems);
  EXPECT_EQ(training.global_batch_size, 8);
  EXPECT_EQ(training.seq_len, 128);
  EXPECT_EQ(training.precision, Dtype::kFp16);
  EXPECT_EQ(training.optimizer, "adam");
}

TEST(ReadTraits, FieldsGoWhereTheirNamesSay) {
  // Every flag is given the opposite of its default, so that a mixed-up pair would show.
  const JsonDocument document = parse_json(R"({"flash_attention": false, "attention_dropout": true,
      "stage_balance": "by_compute_cost", "scatter_gather_p2p": true, "p2p_overlap": true,
      "p2p_host_wait": true, "gathered_inputs_kept": true,
      "gather_buffers_resident": true, "gemm_workspace": "64 MiB", "tensor_overlap": true,
      "fp32_gradients": false, "fp32_accumulation_copy": true, "fp32_grad_reduce": false,
      "grad_norm_clip": false, "fused_bias_gelu": false, "fused_norm": false, "fused_loss": false, "zero_by_tensor": true, "vocab_divisor": 7})",
                                           "t.json");
  Problems problems;
  const Traits traits = read_traits(document.root(), problems);
  EXPECT_TRUE(problems.empty());
  EXPECT_FALSE(traits.flash_attention);
  EXPECT_TRUE(traits.attention_dropout);
  EXPECT_EQ(traits.stage_balance, StageBalance::kByComputeCost);
  EXPECT_TRUE(traits.scatter_gather_p2p);
  EXPECT_TRUE(traits.p2p_overlap);
  EXPECT_TRUE(traits.p2p_host_wait);
  EXPECT_TRUE(traits.gathered_inputs_kept);
  EXPECT_TRUE(traits.gather_buffers_resident);
  EXPECT_TRUE(traits.tensor_overlap);
  EXPECT_FALSE(traits.fp32_gradients);
  EXPECT_TRUE(traits.fp32_accumulation_copy);
  EXPECT_FALSE(traits.fp32_grad_reduce);
  EXPECT_FALSE(traits.grad_norm_clip);
  EXPECT_FALSE(traits.fused_bias_gelu);
  EXPECT_FALSE(traits.fused_norm);
  EXPECT_FALSE(traits.fused_loss);
  EXPECT_TRUE(traits.zero_by_tensor);
  EXPECT_EQ(traits.vocab_divisor, 7);
  EXPECT_EQ(traits.gemm_workspace, Bytes(64 << 20));
}

TEST(RankGrid, IsABijectionWithTensorRanksNextToEachOther) {
  const RankGrid grid(Plan{.tp = 2, .pp = 3, .dp = 5});
  ASSERT_EQ(grid.size(), 30);
  for (std::int64_t rank = 0; rank < grid.size(); ++rank)
    EXPECT_EQ(grid.rank(grid.coordinates(rank)), rank);
  // rank = (stage * 5 + replica) * 2 + shard
  EXPECT_EQ(grid.rank({.stage = 1, .replica = 2, .shard = 1}), 15);
}

}  // namespace
}  // namespace stepcast
