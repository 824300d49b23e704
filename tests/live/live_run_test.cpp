// Runs of whole jobs in processes: what they train, what they keep when they fail, what they
// refuse.
#include "kernels/live/live_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/live/comparison.h"
#include "kernels/live/program_bench.h"
#include "sim/base/error.h"
#include "tests/live/train.h"

namespace stepcast::live_test {
namespace {

LiveOutcome run(const TinyTraining& tiny, LiveOptions options = {}) {
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const CountingTask task(tiny.model.vocab_size, 7);
  options.platform = &kPlainLoops;
  options.batches = &task;
  return run_live(job, options);
}

std::vector<double> losses(const TinyTraining& tiny, const LiveOptions& options) {
  const LiveOutcome outcome = run(tiny, options);
  EXPECT_EQ(outcome.failure, "");
  return outcome.losses(lower(tiny.model, tiny.plan, tiny.training, tiny.traits));
}

TEST(LiveRun, ProcessesTrainAsOneRankDoes) {
  const std::vector<double> one = losses({}, {.steps = 5});
  ASSERT_EQ(one.size(), 5u);
  TinyTraining data, tensor, stages;
  data.plan.dp = 2;
  tensor.plan.tp = 2;
  stages.plan.pp = 2;
  for (const TinyTraining& tiny : {data, tensor, stages}) {
    const std::vector<double> other = losses(tiny, {.steps = 5});
    ASSERT_EQ(other.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(other[i] / one[i], 1, 2e-6) << i;
  }
}

TEST(LiveRun, PeakOfEveryRankIsThatOfTheWalk) {
  TinyTraining tiny;
  tiny.plan.pp = tiny.plan.dp = 2;
  const LiveOutcome outcome = run(tiny, {.steps = 2});
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const std::vector<ComparedMemory> memory = compare_memory(job, outcome);
  ASSERT_EQ(memory.size(), 4u);
  for (const ComparedMemory& rank : memory) EXPECT_EQ(rank.measured, rank.predicted) << rank.name;
}

TEST(LiveRun, TimingKernelsBetweenStepsLeavesTheTrainingAsItIs) {
  TinyTraining tiny;
  tiny.plan.dp = tiny.plan.tp = 2;
  // 2 steps, one to see the buffers, 2 rounds of 3.
  const std::vector<double> with = losses(tiny, {.steps = 2, .rounds = 2, .steps_per_round = 3});
  EXPECT_EQ(with, losses(tiny, {.steps = 9}));
}

TEST(LiveRun, EveryPieceIsTimedWhereItRuns) {
  TinyTraining tiny;
  tiny.plan.pp = 2;
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const LiveOutcome outcome = run(tiny, {.steps = 1, .rounds = 3, .steps_per_round = 2});
  const JobPieces pieces = pieces_of(job);
  EXPECT_FALSE(pieces.messages.empty());
  ASSERT_EQ(outcome.ranks.size(), 2u);
  for (const RankRecords& rank : outcome.ranks) {
    ASSERT_EQ(rank.rounds.size(), 3u);
    EXPECT_EQ(rank.rounds.front().size(), pieces.count());
    EXPECT_EQ(rank.op_times.size(), 3u);  // one timed step in each round
    EXPECT_EQ(rank.op_times.front().size(), rank.last_ops.size());
  }
}

TEST(LiveRun, LossThatIsNoNumberEndsTheRunAndKeepsItsSteps) {
  TinyTraining tiny;
  tiny.plan.dp = 2;
  const LiveOutcome outcome = run(tiny, {.adam = {.learning_rate = 1e30}, .steps = 50});
  EXPECT_NE(outcome.failure.find("is no number any more"), std::string::npos) << outcome.failure;
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const std::vector<double> kept = outcome.losses(job);
  ASSERT_GE(kept.size(), 1u);
  EXPECT_LT(kept.size(), 50u);
  EXPECT_TRUE(std::isfinite(kept.front()));
  EXPECT_FALSE(outcome.ranks.front().complete);
}

/// Fails in one rank's third step.
class TornText final : public BatchSource {
 public:
  std::int32_t token(std::int64_t sequence, std::int64_t position) const override {
    if (sequence == 2 * 8 + 5) throw std::runtime_error("the disk with the text is gone");
    return static_cast<std::int32_t>((sequence + position) % 20);
  }
};

TEST(LiveRun, TellsHowFarItIs) {
  std::vector<std::size_t> seen;
  LiveOptions options{.steps = 40};
  options.progress = [&](std::size_t done, std::size_t of) {
    EXPECT_EQ(of, 40u);
    seen.push_back(done);
  };
  losses({}, options);
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(seen.back(), 40u);  // told once more when the last rank has ended
}

TEST(LiveRun, RankThatThrowsIsNamedWithItsLastOp) {
  TinyTraining tiny;
  tiny.plan.dp = 2;
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const TornText text;
  const LiveOutcome outcome =
      run_live(job, {.platform = &kPlainLoops, .batches = &text, .steps = 10});
  for (const char* part : {"rank ", "the disk with the text is gone", "step 3"})
    EXPECT_NE(outcome.failure.find(part), std::string::npos) << outcome.failure;
  EXPECT_EQ(outcome.losses(job).size(), 2u);
}

TEST(LiveRun, ProgramsThatCannotRunAreRefusedBeforeARankStarts) {
  const auto refusal = [](const TinyTraining& tiny) -> std::string {
    try {
      run(tiny);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      return error.what();
    }
    return "";
  };
  TinyTraining half, positions, gate, keys, many;
  half.training.precision = Dtype::kFp16;
  EXPECT_NE(refusal(half).find("the loss is scaled"), std::string::npos);
  positions.model.position_embedding = PositionEmbedding::kAlibi;
  positions.model.max_positions = 0;
  EXPECT_NE(refusal(positions).find("set position_embedding"), std::string::npos);
  gate.model.gated_mlp = true;
  EXPECT_NE(refusal(gate).find("only SiLU has a kernel"), std::string::npos);
  keys.become_llama();
  keys.model.num_kv_heads = 2;
  keys.plan.tp = 4;
  EXPECT_NE(refusal(keys).find("plan.tp = 4 must divide num_kv_heads = 2"), std::string::npos);
  many.plan.dp = 65;
  many.training.global_batch_size = 65;
  EXPECT_NE(refusal(many).find("65 ranks"), std::string::npos);
}

}  // namespace
}  // namespace stepcast::live_test
