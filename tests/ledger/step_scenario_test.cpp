#include "sim/ledger/step_scenario.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

/// A row of GPT-3 175B on 64 A100 that stepcast can express in full.
StepRow plain_row() {
  StepRow row;
  row.id = "T-1";
  row.framework = "megatron-lm";
  row.cluster = "dgx-a100-80g";
  row.num_gpus = 64;
  row.model = "GPT-3 175B";
  row.num_layers = 96;
  row.hidden_size = 12288;
  row.num_heads = 96;
  row.num_kv_heads = "96";
  row.ffn_hidden_size = 49152;
  row.vocab_size = 51200;
  row.tied_embeddings = true;
  row.seq_len = 2048;
  row.precision = "fp16";
  row.tp = 8;
  row.pp = 8;
  row.dp = 1;
  row.micro_batch_size = 1;
  row.global_batch_size = 64;
  row.sharding = "none";
  row.schedule = "1f1b";
  row.recompute = "full";
  row.step_time_s = 10;
  return row;
}

RowLibrary shipped() { return RowLibrary(Library{STEPCAST_SOURCE_DIR}); }

ExpressedRow expressed(const StepRow& row) {
  RowLibrary files = shipped();
  auto outcome = express(row, files);
  if (const auto* reason = std::get_if<SkipReason>(&outcome)) ADD_FAILURE() << reason->text;
  return std::holds_alternative<ExpressedRow>(outcome) ? std::get<ExpressedRow>(outcome)
                                                       : ExpressedRow{};
}

std::string reason(const StepRow& row) {
  RowLibrary files = shipped();
  auto outcome = express(row, files);
  const auto* skipped = std::get_if<SkipReason>(&outcome);
  return skipped ? skipped->text : "";
}

TEST(StepScenario, APublishedRowNeedsNoAssumption) {
  const ExpressedRow row = expressed(plain_row());
  EXPECT_TRUE(row.assumptions.empty());
  EXPECT_EQ(row.scenario.plan.tp, 8);
  EXPECT_EQ(row.scenario.plan.schedule, "one_f_one_b");
  EXPECT_EQ(row.scenario.plan.recompute, Recompute::kFull);
  EXPECT_EQ(row.scenario.training.precision, Dtype::kFp16);
  EXPECT_EQ(row.scenario.model.head_dim, 128);
  EXPECT_EQ(row.scenario.model.max_positions, 2048);
  EXPECT_EQ(row.scenario.published.step_time, Seconds(10));
}

// DistributedDataParallel counts its buckets in 16-bit weights; what travels is in fp32.
TEST(StepScenario, GradientBucketsAreReadFromTheNotes) {
  StepRow row = plain_row();
  EXPECT_FALSE(expressed(row).scenario.plan.overlap_grad_reduce);
  row.notes = "fp32 gradient accumulation; ddp bucket 25 MB; async";
  const Scenario fp32 = expressed(row).scenario;
  EXPECT_TRUE(fp32.plan.overlap_grad_reduce);
  EXPECT_EQ(fp32.plan.bucket_size, Bytes(fp32.traits.fp32_grad_reduce ? 50'000'000 : 25'000'000));
  row.notes = "ddp bucket large";
  EXPECT_FALSE(expressed(row).scenario.plan.overlap_grad_reduce);
}

TEST(StepScenario, WhatWasNotPublishedFollowsTheRulesAndIsNoted) {
  StepRow row = plain_row();
  row.micro_batch_size.reset();
  row.schedule = "interleaved_1f1b";  // 96 / 8 = 12 layers per stage: 4 chunks of 3
  row.recompute = "unknown";
  const ExpressedRow out = expressed(row);
  EXPECT_EQ(out.scenario.plan.micro_batch_size, 1);
  EXPECT_EQ(out.scenario.plan.virtual_stages, 4);
  EXPECT_EQ(out.scenario.plan.schedule, "interleaved");
  EXPECT_EQ(out.assumptions.size(), 3u);
}

TEST(StepScenario, InterleavingIsNotAssumedWhereMicrobatchesDoNotDivide) {
  StepRow row = plain_row();
  row.schedule = "interleaved_1f1b";
  row.global_batch_size = 60;  // 60 microbatches, 8 stages
  const ExpressedRow out = expressed(row);
  EXPECT_EQ(out.scenario.plan.virtual_stages, 1);
  EXPECT_EQ(out.scenario.plan.schedule, "one_f_one_b");
}

TEST(StepScenario, LayersThatOnlyDivideWithTwoMoreLeaveTheEndsShort) {
  StepRow row = plain_row();
  row.num_layers = 94;  // 94 + 2 = 96 = 8 * 12
  EXPECT_EQ(expressed(row).scenario.traits.stage_balance, StageBalance::kEndsMinusOne);
}

TEST(StepScenario, GatedModelsAreLlamaLikeAndBloomHasAlibi) {
  StepRow row = plain_row();
  row.gated_mlp = true;
  const Model llama = expressed(row).scenario.model;
  EXPECT_EQ(llama.activation, Activation::kSwiglu);
  EXPECT_EQ(llama.norm, Norm::kRmsNorm);
  EXPECT_FALSE(llama.linear_bias);
  row = plain_row();
  row.model = "BLOOM-like 176B";
  const Model bloom = expressed(row).scenario.model;
  EXPECT_EQ(bloom.position_embedding, PositionEmbedding::kAlibi);
  EXPECT_TRUE(bloom.embedding_norm);
}

TEST(StepScenario, WhatCannotBeExpressedIsSaidAllAtOnce) {
  StepRow row = plain_row();
  row.num_experts = 8;
  row.cp = 2;
  row.sharding = "zero3";
  const std::string text = reason(row);
  EXPECT_NE(text.find("mixture of experts"), std::string::npos);
  EXPECT_NE(text.find("context parallelism"), std::string::npos);
  EXPECT_NE(text.find("zero3"), std::string::npos);
}

TEST(StepScenario, EachUnsupportedTraitHasItsReason) {
  const auto with = [](auto change) {
    StepRow row = plain_row();
    change(row);
    return reason(row);
  };
  EXPECT_NE(with([](StepRow& r) { r.num_kv_heads = "mla"; }), "");
  EXPECT_NE(with([](StepRow& r) { r.precision = "nvfp4"; }), "");
  EXPECT_NE(with([](StepRow& r) { r.schedule = "zb-v"; }), "");
  EXPECT_NE(with([](StepRow& r) { r.recompute = "selective-per-op"; }), "");
  EXPECT_NE(with([](StepRow& r) { r.num_heads.reset(); }), "");
  EXPECT_NE(with([](StepRow& r) { r.sharding = "zero1", r.shard_group = 8; }), "");
  EXPECT_NE(with([](StepRow& r) { r.cluster = "nowhere"; }).find("nowhere"), std::string::npos);
  EXPECT_NE(with([](StepRow& r) { r.framework = "own"; }).find("own"), std::string::npos);
  EXPECT_NE(with([](StepRow& r) { r.num_gpus = 63; }), "");
}

}  // namespace
}  // namespace stepcast
