// Ranks that share a core or a GPU: hand-worked cases, then random jobs that must not depend on how
// they are computed.
#include "sim/engine/processors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "sim/base/error.h"
#include "tests/engine/random_jobs.h"

namespace stepcast {
namespace {

/// One kernel after the other.
Program kernels(const std::vector<std::int64_t>& us) {
  ProgramBuilder builder("rank", 1);
  builder.call(builder.begin_block("block"), 0);
  for (const std::int64_t one : us) builder.compute(gemm_us(one), {}, {});
  return std::move(builder).finish();
}

Job independent(std::vector<Program> programs) {
  Job job;
  for (std::uint32_t rank = 0; rank < programs.size(); ++rank) job.ranks.push_back(place(rank));
  job.programs = std::move(programs);
  return job;
}

SimulateOptions sharing(std::vector<std::uint32_t> processor) {
  SimulateOptions options;
  options.folding = Folding::kOff;
  options.processor = std::move(processor);
  options.spans = true;
  return options;
}

Simulation run(const Job& job, const SimulateOptions& options) {
  return simulate(job, Fabric(nvswitch_cluster(1), 8), round_costs(), options);
}

double end_us(const Simulation& result, Rank rank) {
  return in_us(result.ranks[result.class_of_rank[rank]].end);
}

TEST(Processors, TwoRanksThatComputeTakeTwiceAsLong) {
  const Simulation result = run(independent({kernels({10}), kernels({10})}), sharing({7, 7}));
  EXPECT_NEAR(end_us(result, 0), 20, 1e-6);
  EXPECT_NEAR(end_us(result, 1), 20, 1e-6);
  EXPECT_NEAR(in_us(result.ranks[0].time.compute), 20, 1e-6);
  EXPECT_NEAR(in_us(result.ranks[0].work), 10, 1e-6);
  EXPECT_NEAR(in_us(result.trace.spans.front().end - result.trace.spans.front().begin), 20, 1e-6);
}

TEST(Processors, WhoIsLeftAloneHasAllOfIt) {
  // Until 20 us each has done 10 us of work; rank 1 has 30 left.
  const Simulation result = run(independent({kernels({4, 6}), kernels({40})}), sharing({0, 0}));
  EXPECT_NEAR(end_us(result, 0), 20, 1e-6);
  EXPECT_NEAR(end_us(result, 1), 50, 1e-6);
}

TEST(Processors, WhoComesLaterSharesFromThenOn) {
  SimulateOptions options = sharing({0, 0});
  options.start = {Seconds(0), Seconds(6e-6)};
  // Rank 0 has done 6 of 10 us when rank 1 comes, and ends at 14; rank 1 has done 4 by then.
  const Simulation result = run(independent({kernels({10}), kernels({10})}), options);
  EXPECT_NEAR(end_us(result, 0), 14, 1e-6);
  EXPECT_NEAR(end_us(result, 1), 20, 1e-6);
}

TEST(Processors, OthersAreNotHeldUp) {
  const Simulation result =
      run(independent({kernels({10}), kernels({10}), kernels({10}), kernels({10})}),
          sharing({1, 5, 1, 1}));
  EXPECT_NEAR(end_us(result, 0), 30, 1e-6);
  EXPECT_NEAR(end_us(result, 1), 10, 1e-6);
  EXPECT_NEAR(end_us(result, 3), 30, 1e-6);
}

TEST(Processors, AStragglerHasMoreWorkToDo) {
  SimulateOptions options = sharing({0, 0});
  options.slowdown = {1, 2};
  const Simulation result = run(independent({kernels({10}), kernels({10})}), options);
  EXPECT_NEAR(end_us(result, 0), 20, 1e-6);
  EXPECT_NEAR(end_us(result, 1), 30, 1e-6);
}

TEST(Processors, AStageThatWaitsLeavesItToTheOther) {
  // Two stages of one microbatch never compute at the same time: sharing costs nothing.
  const Job one = pipeline({{10, 20}, {10, 20}}, 1, Schedule::kGpipe, nvlink_us(1));
  EXPECT_NEAR(run(one, sharing({0, 0})).step_time / run(one, sharing({0, 1})).step_time, 1, 1e-9);
  // With many, the processor is never idle: the work of both, and what the first waits at the end.
  const Job many = pipeline({{10, 20}, {10, 20}}, 50, Schedule::kOneFOneB, Bytes(0));
  EXPECT_NEAR(in_us(run(many, sharing({0, 0})).step_time), 2 * 50 * 30, 1e-3);
}

SimulateOptions random_sharing(const RandomCase& test, std::uint64_t seed) {
  std::minstd_rand random(static_cast<unsigned>(seed + 1));
  SimulateOptions options = test.options;
  options.folding = Folding::kOff;
  for (std::size_t rank = 0; rank < test.job.ranks.size(); ++rank)
    options.processor.push_back(random() % (1 + static_cast<unsigned>(test.job.ranks.size()) / 2));
  return options;
}

void expect_same(const Simulation& a, const Simulation& b, double tolerance, std::uint64_t seed) {
  for (std::size_t rank = 0; rank < a.ranks.size(); ++rank)
    ASSERT_NEAR(a.ranks[rank].end.value(), b.ranks[rank].end.value(), tolerance)
        << "case " << seed << " rank " << rank;
}

Simulation run(const RandomCase& test, const SimulateOptions& options,
               const EngineChoices& choices) {
  const Fabric fabric(test.topology, static_cast<std::int64_t>(test.job.ranks.size()));
  return run_job(test.job, fabric, round_costs(test.stack), options, choices);
}

/// Seconds of work on the processor that has most, told by ranks that were simulated apart.
double busiest(const std::vector<std::uint32_t>& processor, const Simulation& apart) {
  std::map<std::uint32_t, double> work;
  double most = 0;
  for (std::size_t rank = 0; rank < processor.size(); ++rank)
    most = std::max(most, work[processor[rank]] += apart.ranks[rank].time.compute.value());
  return most;
}

/// No less than the work of a processor; it may well be less than without sharing, for who comes
/// later to a link may meet fewer there.
TEST(Processors, RandomJobsDoNotDependOnHowTheyAreComputed) {
  const auto solver = make_maxmin_solver();
  int slower = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const RandomCase test = random_case(seed);
    SimulateOptions options = random_sharing(test, seed);
    EngineChoices choices{.compile = {.lanes = Lanes::kSeparate}, .solver = solver.get()};
    const Simulation shared = run(test, options, choices);
    choices.compile.macros = false;
    expect_same(shared, run(test, options, choices), 1e-12, seed);
    choices.solver = nullptr;  // SimGrid merges events closer than 1e-12 s
    expect_same(shared, run(test, options, choices), 1e-7 * shared.step_time.value(), seed);
    for (const RankReport& rank : shared.ranks)
      EXPECT_NEAR(sum_of(rank.time), shared.step_time.value(), 1e-12) << "case " << seed;
    const std::vector<std::uint32_t> processor = options.processor;
    std::iota(options.processor.begin(), options.processor.end(), 0u);
    const Simulation apart = run(test, options, choices);
    EXPECT_GE(shared.step_time.value(), busiest(processor, apart) - 1e-10) << "case " << seed;
    slower += shared.step_time > 1.01 * apart.step_time;
    options.processor.clear();
    EXPECT_EQ(apart.step_time, run(test, options, choices).step_time) << "case " << seed;
  }
  EXPECT_GT(slower, 50);
}

TEST(Processors, SlowdownsBesideTransfersAreRefused) {
  StackProfile stack = silent_cpu();
  stack.collective_sms = 25;
  const Job job = independent({kernels({10}), kernels({10})});
  try {
    simulate(job, Fabric(nvswitch_cluster(1), 8), round_costs(stack), sharing({0, 0}));
    FAIL() << "shared processors and slowdowns together";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
  }
}

TEST(Processors, FoldedRanksAreRefused) {
  SimulateOptions options = sharing({0, 0});
  options.folding = Folding::kFull;
  EXPECT_THROW(run(independent({kernels({10}), kernels({10})}), options), InternalError);
}

}  // namespace
}  // namespace stepcast
