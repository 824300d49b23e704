#include "kernels/gpu_profiler/gpu_stopwatch.h"

#include <gtest/gtest.h>

#include "kernels/gpu_profiler/gpu_bench.h"
#include "sim/base/error.h"
#include "tests/gpu_profiler/simulated_gpu.h"

namespace stepcast {
namespace {

/// 1.1e12 flops: 2.2 ms.
const Kernel kProduct{
    .kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {8192, 8192, 8192}};
/// 100 MB in and out: 52 us.
const Kernel kCopy{.kind = KernelKind::kCopy, .dtype = Dtype::kBf16, .dims = {50'000'000}};
/// 20 kB: 2 us.
const Kernel kTiny{.kind = KernelKind::kCopy, .dtype = Dtype::kBf16, .dims = {5'000}};

struct GpuStopwatchTest : testing::Test {
  Timing time(const Kernel& kernel, Stopwatch& stopwatch) {
    const Trial trial = bench.trial(kernel);
    return time_in_rounds(std::span(&trial, 1), {.rounds = 4}, stopwatch).front();
  }
  GpuLoad settled_load() {
    GpuLoad load{.trial = bench.trial(kProduct)};
    settle(gpu, load, host, {}, nullptr);
    return load;
  }

  SimulatedGpu gpu;
  SimulatedClock clock{gpu};
  HostTime host{.clock = clock, .sleep = [this](double seconds) { gpu.sleep(seconds); }};
  SimulatedSensors sensors;
  GpuWatch watch{sensors, {}};
  GpuBench bench{gpu, {default_case(kProduct), default_case(kCopy), default_case(kTiny)}};
};

TEST_F(GpuStopwatchTest, SettlingEndsAtThePowerLimit) {
  GpuLoad load{.trial = bench.trial(kProduct)};
  const Settling settling = settle(gpu, load, host, {}, nullptr);
  EXPECT_TRUE(settling.settled());
  const double cold = SimulatedGpu::seconds_of(kProduct);
  EXPECT_NEAR(settling.first(), cold, 0.02 * cold);
  EXPECT_NEAR(load.seconds, cold * gpu.settled_slowdown(), 0.01 * cold);
}

TEST_F(GpuStopwatchTest, CtrlCEndsSettling) {
  const std::atomic<bool> stop = true;
  GpuLoad load{.trial = bench.trial(kProduct)};
  EXPECT_FALSE(settle(gpu, load, host, {}, &stop).settled());
  EXPECT_LT(gpu.now(), 0.1);
}

TEST_F(GpuStopwatchTest, ASustainedProductIsSlowerThanABurst) {
  const double cold = SimulatedGpu::seconds_of(kProduct);
  const GpuLoad load = settled_load();
  GpuStopwatch sustained(gpu, watch, host, &load);
  EXPECT_NEAR(time(kProduct, sustained).median, cold * gpu.settled_slowdown(), 0.02 * cold);
  gpu.sleep(2);
  GpuStopwatch burst(gpu, watch, host, nullptr);
  EXPECT_NEAR(time(kProduct, burst).median, cold, 0.02 * cold);
}

// In the simulation cached operands are read three times as fast.
TEST_F(GpuStopwatchTest, OperandsAreNeverFoundInTheCache) {
  GpuStopwatch burst(gpu, watch, host, nullptr);
  for (const Kernel& kernel : {kCopy, kTiny})
    EXPECT_NEAR(time(kernel, burst).median, SimulatedGpu::seconds_of(kernel), 1e-9);
  EXPECT_EQ(gpu.flushes, gpu.launches);
}

TEST_F(GpuStopwatchTest, SamplesOfAHotGpuDoNotCount) {
  sensors.now.limits = ClockLimits{.heat = true};
  GpuStopwatch burst(gpu, watch, host, nullptr);
  const Timing timing = time(kCopy, burst);
  EXPECT_EQ(timing.samples, 0);
  EXPECT_EQ(timing.dropped, 12);
}

TEST_F(GpuStopwatchTest, OutOfMemoryIsOfOneKernelAndTheGpuGoesOn) {
  gpu.on_launch = [](const Kernel& kernel) {
    if (kernel == kCopy) throw Error(ErrorKind::kInfeasible, "CUDA: out of memory");
  };
  GpuStopwatch burst(gpu, watch, host, nullptr);
  EXPECT_EQ(time(kCopy, burst).failure, "CUDA: out of memory");
  EXPECT_TRUE(burst.works());
  EXPECT_EQ(time(kTiny, burst).rounds, 4);
}

TEST_F(GpuStopwatchTest, AGpuThatBreaksDownIsNotAskedAgain) {
  gpu.on_launch = [](const Kernel& kernel) {
    if (kernel == kCopy) throw Error(ErrorKind::kLiveRank, "CUDA: an illegal memory access");
  };
  GpuStopwatch burst(gpu, watch, host, nullptr);
  EXPECT_EQ(time(kCopy, burst).rounds, 0);
  EXPECT_FALSE(burst.works());
  EXPECT_EQ(burst.failure(), "CUDA: an illegal memory access");
  const std::size_t launches = gpu.launches;
  time(kTiny, burst);
  EXPECT_EQ(gpu.launches, launches);
}

}  // namespace
}  // namespace stepcast
