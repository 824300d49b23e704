// Predictions against runs that never happened: with the times of pieces and steps made up, the
// right answer is a sum.
#include "kernels/live/comparison.h"

#include <gtest/gtest.h>

#include "kernels/live/program_bench.h"
#include "sim/base/error.h"
#include "sim/stepcast.h"

namespace stepcast {
namespace {

constexpr double kKernel = 2e-3, kCollective = 1e-3;

/// A run in which every kernel takes kKernel, every collective kCollective, and a step their sum.
struct MadeUpRun {
  explicit MadeUpRun(const std::string& name)
      : scenario(load_scenario(std::string(STEPCAST_SOURCE_DIR) + "/scenarios/" + name + ".json",
                               Library{STEPCAST_SOURCE_DIR})),
        job(build_programs(scenario)) {
    const JobPieces pieces = pieces_of(job);
    std::vector<double> times(pieces.count(), kCollective);
    std::fill_n(times.begin(), pieces.collective_at(0), kKernel);
    for (const RankPlace& place : job.ranks) {
      RankRecords rank = made_up_step(job.programs[place.program]);
      rank.rounds.assign(kRounds, times);
      rank.processor = static_cast<std::int32_t>(outcome.ranks.size());
      outcome.ranks.push_back(rank);
    }
    step = outcome.ranks.front().op_times.front().back().end;
    for (RankRecords& rank : outcome.ranks)
      for (StepRecord& record : rank.steps) record.wall = step;
  }

  static RankRecords made_up_step(const Program& program) {
    RankRecords rank;
    rank.complete = true;
    std::vector<OpTime> times;
    double now = 0;
    for (std::uint32_t c = 0; c < program.calls.size(); ++c) {
      const std::vector<Op>& ops = program.blocks[program.calls[c].block].ops;
      for (std::uint32_t i = 0; i < ops.size(); ++i) {
        const bool kernel = std::holds_alternative<Compute>(ops[i].what);
        if (!kernel && !std::holds_alternative<Collective>(ops[i].what)) continue;
        const double begin = now;
        now += kernel ? kKernel : kCollective;
        times.push_back({.begin = begin, .end = now});
        rank.last_ops.push_back({.call = c, .op = i});
      }
    }
    for (std::int64_t s = 0; s < kRounds * 2; ++s)  // the first of a round does not count
      rank.steps.push_back({.step = s + 1, .round = s / 2, .timed = s % 2 == 1});
    rank.op_times.assign(kRounds, times);
    return rank;
  }

  static constexpr std::int64_t kRounds = 4;
  Scenario scenario;
  Job job;
  LiveOutcome outcome;
  double step = 0;
};

TEST(Comparison, StepIsTheSumOfItsPieces) {
  const MadeUpRun run("live-tiny-1");
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  EXPECT_EQ(comparison.not_measurable, "");
  EXPECT_EQ(comparison.rounds_used, 4u);
  EXPECT_EQ(comparison.steps, 4u);
  EXPECT_EQ(comparison.disturbed, 0u);
  EXPECT_NEAR(comparison.predicted.value() / run.step, 1, 1e-3);  // the rest is issue time
  EXPECT_NEAR(comparison.error, 0, 1e-3);
  for (const ComparedPart& part : comparison.parts.phases) EXPECT_NEAR(part.error(), 0, 1e-6);
  for (const ComparedPart& part : comparison.parts.classes) EXPECT_NEAR(part.error(), 0, 1e-6);
}

TEST(Comparison, CollectivesTakeWhatTheirRoundSays) {
  for (const char* name : {"live-tiny-dp2", "live-small-tp2"}) {
    const MadeUpRun run(name);
    const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
    EXPECT_NEAR(comparison.error, 0, 1e-3) << name;
    ASSERT_FALSE(comparison.parts.exposed.empty()) << name;
    for (const ComparedPart& part : comparison.parts.exposed)
      EXPECT_NEAR(part.error(), 0, 0.01) << name << ": " << part.name;
  }
}

TEST(Comparison, ErrorIsTakenRoundByRound) {
  // A machine that halves its speed halfway: both pieces and steps of a round see it.
  MadeUpRun run("live-tiny-1");
  RankRecords& rank = run.outcome.ranks.front();
  for (std::size_t round = 2; round < 4; ++round)
    for (double& time : rank.rounds[round]) time *= 2;
  for (StepRecord& step : rank.steps)
    if (step.round >= 2) step.wall *= 2;
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  EXPECT_NEAR(comparison.error, 0, 1e-3);
  EXPECT_NEAR(comparison.measured.value() / run.step, 1.5, 1e-9);  // between the two speeds
}

TEST(Comparison, SlowStepsAreAnError) {
  MadeUpRun run("live-tiny-1");
  for (StepRecord& step : run.outcome.ranks.front().steps) step.wall *= 1.25;
  EXPECT_NEAR(compare(run.scenario, run.job, run.outcome).error, -0.2, 1e-3);
}

TEST(Comparison, TimeOutsideOpsIsThatOfTheStepsThatDoNotCount) {
  MadeUpRun run("live-tiny-1");
  for (StepRecord& step : run.outcome.ranks.front().steps) {
    if (!step.timed) step.outside = 0.1 * run.step;
    step.wall += 0.1 * run.step;
  }
  EXPECT_NEAR(compare(run.scenario, run.job, run.outcome).error, 0, 1e-3);
}

TEST(Comparison, DisturbedStepsAreDroppedAndCounted) {
  MadeUpRun run("live-tiny-1");
  StepRecord& step = run.outcome.ranks.front().steps[1];
  step.wall *= 3;
  step.lost = step.wall / 2;
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  EXPECT_EQ(comparison.disturbed, 1u);
  EXPECT_EQ(comparison.rounds_used, 3u);
  EXPECT_NEAR(comparison.error, 0, 1e-3);
}

TEST(Comparison, MostlyDisturbedRunIsNotMeasurable) {
  MadeUpRun run("live-tiny-1");
  for (StepRecord& step : run.outcome.ranks.front().steps)
    if (step.round < 3) step.lost = step.wall / 2;
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  EXPECT_NE(comparison.not_measurable.find("3 of 4 steps"), std::string::npos)
      << comparison.not_measurable;
  EXPECT_TRUE(comparison.parts.phases.empty());
}

TEST(Comparison, PieceOfOneRoundIsFilledFromTheOthers) {
  MadeUpRun run("live-tiny-1");
  run.outcome.ranks.front().rounds[1][0] = 0;
  EXPECT_NEAR(compare(run.scenario, run.job, run.outcome).error, 0, 1e-3);
  for (std::vector<double>& round : run.outcome.ranks.front().rounds) round[0] = 0;
  EXPECT_NE(compare(run.scenario, run.job, run.outcome).not_measurable, "");
}

TEST(Comparison, WorstOpIsNamed) {
  MadeUpRun run("live-tiny-1");
  const Kernel odd = pieces_of(run.job).kernels[3];
  RankRecords& rank = run.outcome.ranks.front();
  for (std::vector<double>& round : rank.rounds) round[3] = 5 * kKernel;
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  ASSERT_FALSE(comparison.parts.worst.empty());
  EXPECT_EQ(comparison.parts.worst.front().name, to_text(odd));
  EXPECT_NEAR(comparison.parts.worst.front().error(), 4, 1e-6);
}

TEST(Comparison, OnlyOtherProgramsAreWorthAnotherTry) {
  MadeUpRun disturbed("live-tiny-1"), untimed("live-tiny-1"), untold("live-tiny-1"),
      failed("live-tiny-1"), good("live-tiny-1");
  for (StepRecord& step : disturbed.outcome.ranks.front().steps) step.lost = step.wall / 2;
  for (std::vector<double>& round : untimed.outcome.ranks.front().rounds) round[0] = 0;
  untold.outcome.ranks.front().lost_known = false;
  failed.outcome.failure = "rank 0 was killed";
  const auto again = [](const MadeUpRun& run) {
    return compare(run.scenario, run.job, run.outcome).worth_another_try;
  };
  EXPECT_TRUE(again(disturbed));
  EXPECT_TRUE(again(untimed));
  EXPECT_FALSE(again(untold));
  EXPECT_FALSE(again(failed));
  EXPECT_FALSE(again(good));
}

TEST(Comparison, WarmAndColdKernelsBoundThePrediction) {
  MadeUpRun run("live-tiny-1");
  const JobPieces pieces = pieces_of(run.job);
  for (std::vector<double>& round : run.outcome.ranks.front().rounds)
    for (std::size_t k = 0; k < pieces.kernels.size(); ++k) {
      round[pieces.kernel_at(KernelState::kWarm, k)] = 0.75 * kKernel;
      round[pieces.kernel_at(KernelState::kCold, k)] = 1.5 * kKernel;
    }
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  EXPECT_NEAR(comparison.error, 0, 1e-3);
  EXPECT_NEAR(comparison.predicted_warm / comparison.predicted, 0.75, 1e-3);
  EXPECT_NEAR(comparison.predicted_cold / comparison.predicted, 1.5, 1e-3);
  EXPECT_FALSE(comparison.parts.bubble) << "there is no pipeline";
}

TEST(Comparison, TimelinesShowTheSameOpsInTheSameOrder) {
  const MadeUpRun run("live-tiny-1");
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  const std::vector<Span>& predicted = comparison.predicted_trace.spans;
  const std::vector<Span>& measured = comparison.measured_trace.spans;
  ASSERT_EQ(predicted.size(), measured.size());
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    EXPECT_EQ(predicted[i].call, measured[i].call);
    EXPECT_EQ(predicted[i].op, measured[i].op);
    EXPECT_NEAR(predicted[i].end.value(), measured[i].end.value(), 1e-3 * run.step);
  }
}

TEST(Comparison, RanksThatComputeOnOneCoreTakeTwiceAsLongAndTheirOpsAreMeans) {
  MadeUpRun run("live-tiny-dp2");
  for (RankRecords& rank : run.outcome.ranks) {
    rank.sharing = 2;
    rank.processor = 0;
    for (StepRecord& step : rank.steps) step.lost = step.wall / 2;  // to each other
    // In one step of four the first kernel waits for the other rank's turn.
    for (OpTime& op : rank.op_times.front()) op.end += 8 * kKernel, op.begin += 8 * kKernel;
    rank.op_times.front().front().begin -= 8 * kKernel;
  }
  const LiveComparison comparison = compare(run.scenario, run.job, run.outcome);
  ASSERT_EQ(comparison.not_measurable, "");
  EXPECT_EQ(comparison.disturbed, 0u);
  EXPECT_EQ(comparison.ranks_per_core, 2);
  double predicted = 0, measured = 0;
  for (const ComparedPart& part : comparison.parts.phases) {
    predicted += part.predicted.value();
    measured += part.measured.value();
  }
  const auto is_kernel = [](const OpTime& op) { return op.seconds() > 1.5e-3; };
  const auto kernels = static_cast<double>(
      std::ranges::count_if(run.outcome.ranks.front().op_times.back(), is_kernel));
  EXPECT_NEAR(predicted / (2 * kernels * kKernel), 1, 1e-3);
  EXPECT_NEAR(measured, (kernels + 2) * kKernel, 1e-6);
}

TEST(Comparison, StackOfOtherKernelsIsRefused) {
  MadeUpRun run("live-tiny-1");
  run.scenario.stack.kernel_library = "";
  EXPECT_THROW(compare(run.scenario, run.job, run.outcome), Error);
}

}  // namespace
}  // namespace stepcast
