#include "kernels/gpu_profiler/overlap_bench.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/base/error.h"
#include "tests/gpu_profiler/simulated_gpu.h"

namespace stepcast {
namespace {

using Kind = Neighbour::Kind;

struct OverlapBench : testing::Test {
  OverlapRun run(const TimingOptions& options = {.rounds = 4, .repeats = 2}) {
    return measure_overlap(gpu, watch, host, {{4, 16}, {2}}, options);
  }
  static const OverlapFigure& figure(const OverlapRun& result, const Neighbour& neighbour) {
    return *std::ranges::find_if(result.figures, [&](const OverlapFigure& one) {
      return one.neighbour.kind == neighbour.kind && one.neighbour.sms == neighbour.sms;
    });
  }

  SimulatedGpu gpu;
  SimulatedClock clock{gpu};
  HostTime host{.clock = clock, .sleep = [this](double seconds) { gpu.sleep(seconds); }};
  SimulatedSensors sensors;
  GpuWatch watch{sensors, {}};
};

// The simulated GPU has 100 SMs and 4 TB/s; a reduction's block takes one SM and 60 GB/s.
TEST_F(OverlapBench, FindsWhatNeighboursTakeOfSmsAndBandwidth) {
  const OverlapRun result = run();
  ASSERT_EQ(result.figures.size(), 5u);
  for (const int blocks : {4, 16}) {
    const OverlapFigure& found = figure(result, {Kind::kReduction, blocks});
    EXPECT_NEAR(found.product.rate, 1 - blocks / 100.0, 0.005);
    EXPECT_NEAR(found.memory_bound.rate, 1 - 0.06 * blocks / 4, 0.005);
    EXPECT_NEAR(found.bandwidth, 60e9 * blocks / 3, 1e9);
  }
  EXPECT_NEAR(figure(result, {Kind::kMessage, 2}).product.rate, 0.98, 0.005);
  EXPECT_NEAR(figure(result, {Kind::kMessage, 2}).bandwidth, 60e9, 1e9);
  EXPECT_NEAR(figure(result, {Kind::kCopy}).memory_bound.rate, 0.5, 0.005);
  EXPECT_NEAR(figure(result, {Kind::kCopyToHost}).product.rate, 1, 0.005);
  EXPECT_NEAR(figure(result, {Kind::kCopyToHost}).bandwidth, 50e9, 1e9);
}

TEST_F(OverlapBench, APeerIsTimedWhereThereIsOne) {
  gpu.facts().peers = 1;
  const OverlapRun result = run();
  ASSERT_EQ(result.figures.size(), 6u);
  EXPECT_NEAR(figure(result, {Kind::kCopyToPeer}).product.rate, 0.97, 0.005);
}

// SMs taken = SMs (1 - rate) [CostModel::rate_beside_collective]. A message holds its channels'
// SMs with a peer and without, whatever the copy engines would leave.
TEST_F(OverlapBench, GivesAStackItsSlowdowns) {
  for (const int peers : {0, 1}) {
    gpu.facts().peers = peers;
    StackProfile stack;
    set_slowdowns(run(), SimulatedGpu::kSms, {.collective = 16, .message = 2}, stack);
    EXPECT_NEAR(stack.collective_sms, 16, 0.5);
    EXPECT_NEAR(stack.collective_memory_share, 0.24, 0.005);
    EXPECT_NEAR(stack.p2p_sms, 2, 0.5);
  }
}

TEST_F(OverlapBench, FiguresThatWereNotTakenOrThatNoStackCanHaveAreRefused) {
  StackProfile stack;
  EXPECT_THROW(set_slowdowns(run(), SimulatedGpu::kSms, {.collective = 8, .message = 2}, stack),
               Error);
  EXPECT_THROW(set_slowdowns(run(), SimulatedGpu::kSms, {.collective = 4, .message = 3}, stack),
               Error);
  OverlapRun unfinished;
  const TransferChannels channels{.collective = 8, .message = 2};
  unfinished.figures = {{.neighbour = {Kind::kReduction, 8}, .product = {.rate = 0.9}},
                        {.neighbour = {Kind::kMessage, 2}, .product = {.rate = 0.98}}};
  EXPECT_THROW(set_slowdowns(unfinished, 100, channels, stack), Error);
  unfinished.figures[0].memory_bound.rate = 0.05;
  EXPECT_THROW(set_slowdowns(unfinished, 100, channels, stack), Error);
  EXPECT_EQ(stack.collective_sms, 0);
  EXPECT_EQ(stack.collective_memory_share, 0);
  EXPECT_EQ(stack.p2p_sms, 0);
}

TEST_F(OverlapBench, CtrlCLeavesRatesThatAreNotKnownAtZero) {
  std::atomic<bool> stop = false;
  // Both kernels beside the first neighbour, and the product beside the second.
  const OverlapRun result = run(
      {.rounds = 4, .stop = &stop, .progress = [&](std::size_t done, auto) { stop = done == 3; }});
  EXPECT_GT(result.figures[0].memory_bound.rate, 0);
  EXPECT_GT(result.figures[1].product.rate, 0);
  EXPECT_EQ(result.figures[1].memory_bound.rate, 0);
  EXPECT_EQ(result.figures[2].product.rate, 0);
}

TEST_F(OverlapBench, AGpuThatBreaksDownIsSaid) {
  int launches = 0;
  gpu.on_launch = [&](const Kernel&) {
    if (++launches == 3000) throw Error(ErrorKind::kLiveRank, "CUDA: lost the GPU");
  };
  EXPECT_EQ(run().broken, "CUDA: lost the GPU");
}

TEST_F(OverlapBench, AGpuTooSmallForTheOperandsIsRefused) {
  gpu.memory = 300'000'000;
  try {
    run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInfeasible);
  }
}

}  // namespace
}  // namespace stepcast
