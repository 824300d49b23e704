// Both back ends must share bandwidth as max-min fairness says: hand-worked cases, then SimGrid
// against our own solver on random platforms, then what a process that runs many simulations relies
// on.
#include "sim/engine/flow_solver.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <random>
#include <stdexcept>
#include <vector>

#include "tests/support/parameter_names.h"

namespace stepcast {
namespace {

enum class BackEnd { kSimgrid, kMaxmin };
void PrintTo(BackEnd back_end, std::ostream* out) {
  *out << (back_end == BackEnd::kSimgrid ? "simgrid" : "maxmin");
}

class FlowSolverTest : public testing::TestWithParam<BackEnd> {
 protected:
  FlowSolver& solver() { return GetParam() == BackEnd::kSimgrid ? simgrid_solver() : *maxmin_; }
  void reset(std::vector<double> capacities) { solver().reset(capacities); }
  /// Starts a transfer now and notes its end in ends_[index].
  void start(std::vector<std::uint32_t> path, double bytes, double bound = 0) {
    const std::size_t index = ends_.size();
    ends_.push_back(-1);
    solver().start(path, bytes, bound, [this, index] { ends_[index] = solver().now(); });
  }
  std::vector<double> ends_;

 private:
  std::unique_ptr<FlowSolver> maxmin_ = make_maxmin_solver();
};

INSTANTIATE_TEST_SUITE_P(BackEnds, FlowSolverTest,
                         testing::Values(BackEnd::kSimgrid, BackEnd::kMaxmin), PrintedName());

TEST_P(FlowSolverTest, LoneTransferRunsAtTheSlowestLink) {
  reset({4e9, 1e9});
  start({0, 1}, 1e9);
  solver().run();
  EXPECT_DOUBLE_EQ(ends_[0], 1.0);
}

TEST_P(FlowSolverTest, TwoTransfersShareALinkAndTheSecondSpeedsUpAfterTheFirst) {
  // Both at 0.5 GB/s until the first (1 GB) ends at 2 s; the other has 1 GB left: ends at 3 s.
  reset({1e9});
  start({0}, 1e9);
  start({0}, 2e9);
  solver().run();
  EXPECT_DOUBLE_EQ(ends_[0], 2.0);
  EXPECT_DOUBLE_EQ(ends_[1], 3.0);
}

TEST_P(FlowSolverTest, MaxMinGivesTheRestToWhoCanUseIt) {
  // x0 + x1 <= 1, x1 + x2 <= 4. Link 0 fills first: x0 = x1 = 0.5; then x2 = 3.5 GB/s.
  reset({1e9, 4e9});
  start({0}, 0.5e9);
  start({0, 1}, 0.5e9);
  start({1}, 3.5e9);
  solver().run();
  EXPECT_DOUBLE_EQ(ends_[0], 1.0);
  EXPECT_DOUBLE_EQ(ends_[1], 1.0);
  EXPECT_DOUBLE_EQ(ends_[2], 1.0);
}

TEST_P(FlowSolverTest, LinkNamedThreeTimesCountsThreeTimes) {
  // 3 x0 + x1 <= 1: both rates are 0.25 GB/s.
  reset({1e9});
  start({0, 0, 0}, 0.25e9);
  start({0}, 0.25e9);
  solver().run();
  EXPECT_DOUBLE_EQ(ends_[0], 1.0);
  EXPECT_DOUBLE_EQ(ends_[1], 1.0);
}

TEST_P(FlowSolverTest, BoundHoldsAndLeavesTheRestToOthers) {
  // x0 <= 0.2, so x1 = 0.8 GB/s.
  reset({1e9});
  start({0}, 0.2e9, 0.2e9);
  start({0}, 0.8e9);
  solver().run();
  EXPECT_DOUBLE_EQ(ends_[0], 1.0);
  EXPECT_DOUBLE_EQ(ends_[1], 1.0);
}

TEST_P(FlowSolverTest, BoundAloneIsEnough) {
  reset({1e9});
  start({}, 3e9, 2e9);
  solver().run();
  EXPECT_DOUBLE_EQ(ends_[0], 1.5);
}

TEST_P(FlowSolverTest, NothingToMoveEndsAtOnceButNotInsideStart) {
  reset({1e9});
  start({0}, 0);
  start({}, 5e9);
  EXPECT_EQ(ends_[0], -1);
  solver().run();
  EXPECT_EQ(ends_[0], 0);
  EXPECT_EQ(ends_[1], 0);
}

TEST_P(FlowSolverTest, TinyTransfersAreNotRoundedAway) {
  // 1000 bytes over 7 ranks, at 100 GB/s: 1.428571... ns. Rounding costs 2^-21 bytes or 5e-18 s.
  reset({100e9});
  start({0}, 1000.0 / 7);
  solver().run();
  EXPECT_NEAR(ends_[0], 1000.0 / 7 / 100e9, 5e-18);
}

TEST_P(FlowSolverTest, HugeTransfersAreExact) {
  reset({1e12});
  start({0}, 3e13);  // more than one SimGrid payload
  solver().run();
  EXPECT_NEAR(ends_[0], 30.0, 1e-9);
}

TEST_P(FlowSolverTest, CallsComeByDateThenInOrderOfRegistration) {
  reset({1e9});
  std::vector<int> order;
  solver().at(2e-6, [&] { order.push_back(3); });
  solver().at(1e-6, [&] {
    order.push_back(1);
    EXPECT_DOUBLE_EQ(solver().now(), 1e-6);
    solver().at(solver().now() + 1e-6, [&] { order.push_back(4); });
  });
  solver().at(1e-6, [&] { order.push_back(2); });
  solver().run();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
  EXPECT_DOUBLE_EQ(solver().now(), 2e-6);
}

TEST_P(FlowSolverTest, EndsOfOneDateComeInOrderOfStart) {
  reset(std::vector<double>(20, 1e9));
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const std::uint32_t link = 19 - i;
    solver().start({&link, 1}, 1e6, 0, [&order, i] { order.push_back(i); });
  }
  solver().run();
  ASSERT_EQ(order.size(), 20u);
  for (std::uint32_t i = 0; i < 20; ++i) EXPECT_EQ(order[i], i);
}

TEST_P(FlowSolverTest, ExceptionLeavesRunAndTheNextSimulationIsClean) {
  reset({1e9});
  start({0}, 1e9);
  start({0}, 9e9, 1e8);
  solver().at(0.5, [] { throw std::runtime_error("from a callback"); });
  EXPECT_THROW(solver().run(), std::runtime_error);
  ends_.clear();
  reset({2e9});
  start({0}, 1e9);
  solver().run();
  EXPECT_NEAR(ends_[0], 0.5, 1e-12);
}

// ---- SimGrid against our own solver ------------------------------------------------------------

struct RandomFlow {
  std::vector<std::uint32_t> path;
  double bytes = 0, bound = 0, date = 0;
};

std::vector<double> run_all(FlowSolver& solver, const std::vector<double>& capacities,
                            const std::vector<RandomFlow>& flows) {
  solver.reset(capacities);
  std::vector<double> ends(flows.size(), -1);
  for (std::size_t i = 0; i < flows.size(); ++i)
    solver.at(flows[i].date, [&, i] {
      solver.start(flows[i].path, flows[i].bytes, flows[i].bound,
                   [&, i] { ends[i] = solver.now(); });
    });
  solver.run();
  return ends;
}

class RandomPlatform : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RandomPlatform, testing::Range(0u, 12u));

TEST_P(RandomPlatform, BackEndsAgree) {
  std::mt19937 random(GetParam());
  const auto below = [&](unsigned n) { return random() % n; };
  const auto num_links = 3 + below(60);
  std::vector<double> capacities(num_links);
  for (double& capacity : capacities) capacity = 1e9 * (1 + below(400));
  std::vector<RandomFlow> flows(5 + below(120));
  for (RandomFlow& flow : flows) {
    for (unsigned hops = 1 + below(12); hops > 0; --hops) {
      const auto link = static_cast<std::uint32_t>(below(num_links));
      flow.path.insert(flow.path.end(), 1 + below(4), link);
    }
    flow.bytes = 1e6 * (1 + below(5000));
    flow.bound = below(3) == 0 ? 1e8 * (1 + below(1000)) : 0;
    flow.date = 1e-3 * below(20);
  }
  const std::unique_ptr<FlowSolver> oracle = make_maxmin_solver();
  const std::vector<double> expected = run_all(*oracle, capacities, flows);
  const std::vector<double> ends = run_all(simgrid_solver(), capacities, flows);
  for (std::size_t i = 0; i < flows.size(); ++i)
    EXPECT_NEAR(ends[i] / expected[i], 1.0, 1e-10) << "flow " << i;
}

/// Small platforms, so that a thousand take a second; ends of seconds, so that the clock's 1e-12 s
/// is 1e-12 of them.
TEST(RandomPlatforms, AThousandOfThemAgreeToTheClocksResolution) {
  std::mt19937 random(1);
  const auto below = [&](unsigned n) { return random() % n; };
  const std::unique_ptr<FlowSolver> oracle = make_maxmin_solver();
  double worst = 0;
  for (int platform = 0; platform < 1000; ++platform) {
    std::vector<double> capacities(2 + below(10));
    for (double& capacity : capacities) capacity = 1e9 * (1 + below(40));
    std::vector<RandomFlow> flows(2 + below(14));
    for (RandomFlow& flow : flows) {
      for (unsigned hops = 1 + below(4); hops > 0; --hops)
        flow.path.insert(
            flow.path.end(), 1 + below(3),
            static_cast<std::uint32_t>(below(static_cast<unsigned>(capacities.size()))));
      flow.bytes = 1e11 * (1 + below(50));
      flow.bound = below(3) == 0 ? 1e8 * (1 + below(100)) : 0;
      flow.date = 1.0 * below(5);
    }
    const std::vector<double> expected = run_all(*oracle, capacities, flows);
    const std::vector<double> ends = run_all(simgrid_solver(), capacities, flows);
    for (std::size_t i = 0; i < flows.size(); ++i)
      worst = std::max(worst, std::abs(ends[i] / expected[i] - 1));
  }
  EXPECT_LT(worst, 1e-12);
}

// ---- One process, many simulations --------------------------------------------------------------

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

TEST(SimgridSolver, HundredSimulationsKeepResultsAndMemory) {
  std::vector<double> capacities;
  for (int i = 0; i < 50; ++i) capacities.push_back(1e9 * (1 + i % 7));
  std::vector<RandomFlow> flows(400);
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const auto link = static_cast<std::uint32_t>(i % 50);
    const std::size_t wave = i / 40;
    flows[i] = {.path = {link, (link * 7 + 3) % 50},
                .bytes = 1e6 + 1000.0 * static_cast<double>(i % 13),
                .bound = i % 5 == 0 ? 3e8 : 0,
                .date = 1e-4 * static_cast<double>(wave)};
  }
  const std::vector<double> first = run_all(simgrid_solver(), capacities, flows);
  for (int i = 0; i < 5; ++i) run_all(simgrid_solver(), capacities, flows);
  [[maybe_unused]] const double before = resident_mib();
  for (int round = 0; round < 100; ++round) {
    const std::vector<double> again = run_all(simgrid_solver(), capacities, flows);
    for (std::size_t i = 0; i < flows.size(); ++i) ASSERT_EQ(again[i], first[i]);
  }
#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory for a while
  EXPECT_LT(resident_mib() - before, 2.0);
#endif
}

TEST(SimgridSolver, LeavesCtrlCToTheUser) {
  simgrid_solver();
  struct sigaction action {};
  sigaction(SIGINT, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

}  // namespace
}  // namespace stepcast
