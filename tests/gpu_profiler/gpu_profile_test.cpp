#include "kernels/gpu_profiler/gpu_profile.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/base/error.h"
#include "tests/gpu_profiler/simulated_gpu.h"

namespace stepcast {
namespace {

const Kernel kProduct{
    .kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {8192, 8192, 8192}};
const Kernel kSmall{
    .kind = KernelKind::kGemmDgrad, .dtype = Dtype::kBf16, .dims = {1024, 1024, 1024}};
const Kernel kCopy{.kind = KernelKind::kCopy, .dtype = Dtype::kBf16, .dims = {50'000'000}};

struct GpuProfileTest : testing::Test {
  GpuProfileRun run(const DeviceProfile* earlier = nullptr, const TimingOptions& options = {}) {
    const std::vector<Kernel> kernels = {kProduct, kSmall, kCopy};
    std::vector<BenchCase> cases;
    for (const Kernel& kernel : kernels) cases.push_back(default_case(kernel));
    GpuBench bench(gpu, cases);
    return run_gpu_profile(gpu, bench, watch, host, kernels, earlier, options);
  }
  static const TimedKernel* find(const GpuProfileRun& result, const Kernel& kernel,
                                 Condition condition) {
    const auto at = std::ranges::find_if(result.run.timed, [&](const TimedKernel& one) {
      return one.kernel == kernel && one.condition == condition;
    });
    return at == result.run.timed.end() ? nullptr : &*at;
  }

  SimulatedGpu gpu;
  SimulatedClock clock{gpu};
  HostTime host{.clock = clock, .sleep = [this](double seconds) { gpu.sleep(seconds); }};
  SimulatedSensors sensors;
  GpuWatch watch{sensors, {}};
};

TEST_F(GpuProfileTest, ProductsAreTimedAsInTrainingAndInBurstsTheRestAsInTraining) {
  sensors.now.sm_clock_mhz = 1500;
  const GpuProfileRun result = run();
  EXPECT_TRUE(result.run.complete);
  ASSERT_EQ(result.run.timed.size(), 5u);
  for (const Kernel& kernel : {kProduct, kSmall}) {
    const TimedKernel* const sustained = find(result, kernel, Condition::kTraining);
    const TimedKernel* const burst = find(result, kernel, Condition::kShortBenchmark);
    ASSERT_TRUE(sustained && burst);
    EXPECT_GT(sustained->time / burst->time, 1.1) << to_text(kernel);
  }
  EXPECT_NE(find(result, kCopy, Condition::kTraining), nullptr);
  EXPECT_EQ(find(result, kCopy, Condition::kShortBenchmark), nullptr);
  EXPECT_EQ(result.facts.at(0), (std::pair<std::string, std::string>("sm_clock", "1500 MHz")));
  EXPECT_NE(result.notes.at(0).find("19.8 % longer than at first"), std::string::npos)
      << result.notes.at(0);
}

TEST_F(GpuProfileTest, ARerunTimesWhatIsMissingInEitherCondition) {
  DeviceProfile earlier;
  earlier.points.set({.kernel = kProduct, .time = Seconds(5), .burst = Seconds(4)});
  earlier.points.set({.kernel = kSmall, .time = Seconds(3)});
  const GpuProfileRun result = run(&earlier);
  EXPECT_EQ(result.run.kept, 2u);
  EXPECT_EQ(find(result, kProduct, Condition::kTraining)->time, Seconds(5));
  EXPECT_EQ(find(result, kProduct, Condition::kShortBenchmark)->time, Seconds(4));
  EXPECT_EQ(find(result, kSmall, Condition::kTraining)->time, Seconds(3));
  EXPECT_LT(find(result, kSmall, Condition::kShortBenchmark)->time, Seconds(1));
  EXPECT_LT(find(result, kCopy, Condition::kTraining)->time, Seconds(1));
}

TEST_F(GpuProfileTest, KeepsItsBudget) {
  const GpuProfileRun result = run(nullptr, {.rounds = 1000, .budget = 8});
  EXPECT_LT(gpu.now(), 8.5);
  EXPECT_EQ(result.run.timed.size(), 5u);
}

TEST_F(GpuProfileTest, CtrlCKeepsWhatIsDoneAndStartsNoBursts) {
  std::atomic<bool> stop = false;
  const TimingOptions options{
      .rounds = 3, .stop = &stop, .progress = [&](std::size_t done, auto) { stop = done == 2; }};
  const GpuProfileRun result = run(nullptr, options);
  EXPECT_FALSE(result.run.complete);
  EXPECT_EQ(result.run.timed.size(), 2u);
}

TEST_F(GpuProfileTest, AGpuThatBreaksDownLeavesWhatWasTimed) {
  int copies = 0;
  gpu.on_launch = [&](const Kernel& kernel) {
    if (kernel == kCopy && ++copies == 6) throw Error(ErrorKind::kLiveRank, "CUDA: lost the GPU");
  };
  const GpuProfileRun result = run();
  EXPECT_EQ(result.run.broken, "CUDA: lost the GPU");
  EXPECT_EQ(find(result, kProduct, Condition::kShortBenchmark), nullptr);
  EXPECT_NE(find(result, kProduct, Condition::kTraining), nullptr);
}

TEST_F(GpuProfileTest, OneThatBreaksDownUnderItsFirstLoadHasNothing) {
  gpu.on_launch = [](const Kernel&) { throw Error(ErrorKind::kLiveRank, "CUDA: lost the GPU"); };
  const GpuProfileRun result = run();
  EXPECT_EQ(result.run.broken, "CUDA: lost the GPU");
  EXPECT_TRUE(result.run.timed.empty());
}

TEST_F(GpuProfileTest, OutOfMemoryInTheSweepRefusesThatKernelAlone) {
  gpu.on_launch = [](const Kernel& kernel) {
    if (kernel == kSmall) throw Error(ErrorKind::kInfeasible, "CUDA: out of memory");
  };
  const GpuProfileRun result = run();
  ASSERT_EQ(result.run.refused.size(), 1u);
  EXPECT_EQ(result.run.refused[0].first, kSmall);
  EXPECT_NE(find(result, kCopy, Condition::kTraining), nullptr);
  EXPECT_EQ(result.run.broken, "");
}

TEST_F(GpuProfileTest, HeatThatComesInTheMiddleIsSaid) {
  int launches = 0;
  gpu.on_launch = [&](const Kernel&) {
    sensors.now.limits = ClockLimits{.heat = ++launches % 7 == 0};
  };
  const GpuProfileRun result = run();
  EXPECT_GT(result.run.dropped, 0u);
  EXPECT_NE(result.notes.back().find("slowed down by heat"), std::string::npos);
}

}  // namespace
}  // namespace stepcast
