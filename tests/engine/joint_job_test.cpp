// Jobs that share a cluster: hand-worked shares of a spine, jobs that share nothing, and random
// jobs mixed over the GPUs, folded and not.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "sim/engine/job_costs.h"
#include "sim/program/place_together.h"
#include "sim/program/verify.h"
#include "tests/engine/random_jobs.h"

namespace stepcast {
namespace {

/// A kernel of 10 us on each of two ranks, then an all-reduce that takes `comm_us` over one NIC.
Job reducing_pair(std::int64_t comm_us) {
  ProgramBuilder builder("rank", 1);
  const EventId computed = builder.event("computed"), reduced = builder.event("reduced");
  builder.call(builder.begin_block("block"), 0);
  builder.compute(gemm_us(10), {}, {}, {.waits_for = {}, .signals = computed});
  builder.collective(Stream::kData,
                     {.kind = CollectiveKind::kAllReduce,
                      .group = GroupRole::kData,
                      .size = Bytes(comm_us * 25'000),
                      .dtype = Dtype::kFp16},
                     {.waits_for = {computed}, .signals = reduced});
  builder.compute(gemm_us(1), {}, {}, {.waits_for = {reduced}});
  Job job;
  job.programs = {std::move(builder).finish()};
  job.ranks = {place(0), place(0)};
  add_group(job, GroupRole::kData, {0, 1});
  return job;
}

/// Nodes of one GPU, two to a leaf; a leaf's uplink is as fast as one NIC.
Topology thin_spine() { return rail_cluster(4, 2, 2, 1, 1); }

struct Ran {
  Simulation simulation;
  double end_us(Rank gpu) const {
    return in_us(simulation.ranks[simulation.class_of_rank[gpu]].end);
  }
};

Ran run(const std::vector<PlacedJob>& jobs, const SimulateOptions& options = {}) {
  const JointJob joint = place_together(jobs, 4);
  EXPECT_EQ(verify(joint.job), std::vector<std::string>{});
  const Fabric fabric(thin_spine(), 4);
  return {simulate(joint.job, fabric, round_costs(), options)};
}

PlacedJob on(const Job& job, std::vector<Rank> gpus, std::uint32_t steps = 1) {
  return {.name = "job", .job = &job, .gpus = std::move(gpus), .steps = steps};
}

TEST(JointJob, TwoAllReducesOverOneUplinkGetHalfOfItEach) {
  // Alone 10 + 100 + 1 us. Together both move at 12.5 GB/s: 10 + 200 + 1 us.
  const Job job = reducing_pair(100);
  EXPECT_NEAR(run({on(job, {0, 2})}).end_us(0), 111, 1e-6);
  const Ran together = run({on(job, {0, 2}), on(job, {1, 3})});
  EXPECT_NEAR(together.end_us(0), 211, 1e-6);
  EXPECT_NEAR(together.end_us(3), 211, 1e-6);
}

TEST(JointJob, TheLongerOneSpeedsUpWhenTheOtherIsDone) {
  // The short one (40 us alone) ends at 10 + 80; then the long one has 60 of its 100 us left.
  const Job longer = reducing_pair(100), shorter = reducing_pair(40);
  const Ran together = run({on(longer, {0, 2}), on(shorter, {1, 3})});
  EXPECT_NEAR(together.end_us(2), 10 + 80 + 60 + 1, 1e-6);
  EXPECT_NEAR(together.end_us(1), 10 + 80 + 1, 1e-6);
}

TEST(JointJob, JobsThatShareNoLinkHaveTheirTimesToTheLastBit) {
  const Job job = reducing_pair(100);
  const Ran alone = run({on(job, {0, 1})});
  const Ran together = run({on(job, {0, 1}), on(job, {2, 3}, 3)});
  EXPECT_EQ(alone.end_us(0), together.end_us(0));
}

TEST(JointJob, AJobThatStartsLaterIsInTheWayLater) {
  // The second job begins at 60 us: its bytes move from 70 us on, when the first has done 60 us of
  // its 100. The rest takes 80 us, until 150 us; then the second has 60 us left: until 210.
  const Job job = reducing_pair(100);
  SimulateOptions options;
  options.start = {Seconds(0), Seconds(60e-6), Seconds(0), Seconds(60e-6)};
  const Ran together = run({on(job, {0, 2}), on(job, {1, 3})}, options);
  EXPECT_NEAR(together.end_us(0), 151, 1e-6);
  EXPECT_NEAR(together.end_us(1), 211, 1e-6);
  for (const RankReport& rank : together.simulation.ranks)
    EXPECT_NEAR(sum_of(rank.time), together.simulation.step_time.value(), 1e-12);
}

TEST(JointJob, StepsFollowOneAnother) {
  const Job job = reducing_pair(100);
  EXPECT_NEAR(run({on(job, {0, 2}, 3)}).end_us(0), 3 * 111, 1e-6);
}

TEST(JointJob, GpusThatNobodyHasStandIdle) {
  const Ran ran = run({on(reducing_pair(100), {1, 3})});
  EXPECT_EQ(ran.end_us(0), 0);
  EXPECT_EQ(ran.simulation.class_of_rank[0], ran.simulation.class_of_rank[2]);
}

TEST(JointJob, EveryJobHasCostsOfItsOwn) {
  // The second job's CPU takes 40 us to issue each of its three ops.
  StackProfile slow_cpu = silent_cpu();
  slow_cpu.issue_forward = slow_cpu.issue_collective = Seconds(40e-6);
  const CostModel fast = round_costs(), slow = round_costs(slow_cpu);
  const Job job = reducing_pair(100);
  const JointJob joint = place_together(std::vector{on(job, {0, 1}), on(job, {2, 3})}, 4);
  std::vector<std::uint32_t> models;
  for (const std::uint32_t owner : joint.owner) models.push_back(owner == kNone ? 0 : owner);
  const Fabric fabric(thin_spine(), 4);
  const Ran ran{simulate(joint.job, fabric, JobCosts({&fast, &slow}, models))};
  EXPECT_NEAR(ran.end_us(0), 111, 1e-6);
  EXPECT_NEAR(ran.end_us(2), 80 + 100 + 1, 1e-6);
}

TEST(JointJob, RandomJobsMixedOverTheGpusFoldExactly) {
  const auto solver = make_maxmin_solver();
  int folded_cases = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const RandomCase first = random_case(seed), second = random_case(seed + 1000);
    const auto count = static_cast<Rank>(first.job.ranks.size() + second.job.ranks.size());
    std::vector<Rank> gpus(count);
    std::iota(gpus.begin(), gpus.end(), Rank{0});
    if (seed % 2 == 0) std::reverse(gpus.begin(), gpus.end());
    const auto middle = gpus.begin() + static_cast<std::ptrdiff_t>(first.job.ranks.size());
    const JointJob joint = place_together(
        std::vector{on(first.job, {gpus.begin(), middle}, 2), on(second.job, {middle, gpus.end()})},
        count);
    const Fabric fabric(rail_cluster((count + 3) / 4, 2, 4), count);
    const EngineChoices choices{.compile = {.lanes = Lanes::kSeparate}, .solver = solver.get()};
    const auto run_with = [&](Folding folding) {
      SimulateOptions options;
      options.folding = folding;
      return run_job(joint.job, fabric, round_costs(first.stack), options, choices);
    };
    const Simulation folded = run_with(Folding::kFull), unfolded = run_with(Folding::kOff);
    folded_cases += folded.ranks.size() < unfolded.ranks.size();
    for (Rank gpu = 0; gpu < count; ++gpu)
      ASSERT_NEAR(folded.ranks[folded.class_of_rank[gpu]].end.value(),
                  unfolded.ranks[unfolded.class_of_rank[gpu]].end.value(),
                  1e-12 * unfolded.step_time.value())
          << "case " << seed << " GPU " << gpu;
  }
  EXPECT_GT(folded_cases, 30);
}

}  // namespace
}  // namespace stepcast
