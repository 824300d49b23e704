// A prepared job gives the bits of a fresh one, whatever ran before it and in whichever process.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "tests/engine/random_jobs.h"

namespace stepcast {
namespace {

constexpr std::uint64_t kCases = 40;

/// Ends of all rank classes, and the step time.
std::vector<double> times_of(const Simulation& simulation) {
  std::vector<double> times{simulation.step_time.value()};
  for (const RankReport& rank : simulation.ranks) times.push_back(rank.end.value());
  return times;
}

Fabric fabric_of(const RandomCase& test) {
  return Fabric(test.topology, static_cast<std::int64_t>(test.job.ranks.size()));
}

/// The case's costs, and slower networks and CPUs.
std::vector<CostModel> several_costs(const RandomCase& test) {
  std::vector<CostModel> costs;
  for (const double factor : {1.0, 0.75, 0.5}) {
    NetworkProfile network = ideal_network_profile();
    network.inter_efficiency *= factor;
    StackProfile stack = test.stack;
    stack.issue_collective += Seconds((1 - factor) * 1e-6);
    costs.push_back(round_costs(stack, network));
  }
  return costs;
}

TEST(Simulator, ARunEqualsAFreshSimulationBitForBit) {
  for (std::uint64_t seed = 0; seed < kCases; ++seed) {
    const RandomCase test = random_case(seed);
    const Fabric fabric = fabric_of(test);
    const Simulator simulator(test.job, fabric, test.options);
    const std::vector<CostModel> costs = several_costs(test);
    for (const std::size_t i : {0u, 1u, 2u, 1u, 0u})
      EXPECT_EQ(times_of(simulator.run(costs[i])),
                times_of(simulate(test.job, fabric, costs[i], test.options)))
          << "case " << seed << ", costs " << i;
  }
}

/// simulate() in a process of its own.
std::vector<double> times_in_a_fork(const RandomCase& test) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto times =
        times_of(simulate(test.job, fabric_of(test), round_costs(test.stack), test.options));
    const std::size_t size = times.size() * sizeof(double);
    _exit(write(ends[1], times.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
  }
  close(ends[1]);
  std::vector<double> times;
  for (double time = 0; read(ends[0], &time, sizeof time) == sizeof time;) times.push_back(time);
  close(ends[0]);
  int status = 1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return times;
}

TEST(Simulator, ProcessesAgreeBitForBit) {
  for (std::uint64_t seed = 0; seed < kCases; seed += 4) {
    const RandomCase test = random_case(seed);
    const auto here =
        times_of(simulate(test.job, fabric_of(test), round_costs(test.stack), test.options));
    EXPECT_EQ(times_in_a_fork(test), here) << "case " << seed;
  }
}

TEST(Simulator, TheStepTimeAloneIsTheSame) {
  const RandomCase test = random_case(3);
  const Fabric fabric = fabric_of(test);
  const Simulator simulator(test.job, fabric, test.options);
  const CostModel costs = round_costs(test.stack);
  EXPECT_EQ(simulator.step_time(costs).value(), simulator.run(costs).step_time.value());
}

TEST(Simulator, MayBeMoved) {
  const RandomCase test = random_case(1);
  const Fabric fabric = fabric_of(test);
  const CostModel costs = round_costs(test.stack);
  Simulator first(test.job, fabric, test.options);
  const auto before = times_of(first.run(costs));
  const Simulator second = std::move(first);
  EXPECT_EQ(times_of(second.run(costs)), before);
}

}  // namespace
}  // namespace stepcast
