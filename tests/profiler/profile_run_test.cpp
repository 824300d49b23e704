#include "kernels/profiler/profile_run.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace stepcast {
namespace {

class FakeClock : public Clock {
 public:
  double wall() const override { return now_; }
  double cpu() const override { return now_; }
  void work(double seconds) { now_ += seconds; }

 private:
  double now_ = 0;
};

/// Copies a gigabyte in a second, and nothing above a million elements.
class FakeBench : public KernelBench {
 public:
  explicit FakeBench(FakeClock& clock) : clock_(clock) {}
  std::string refusal(const Kernel& kernel) const override {
    return kernel.dims[0] > 1'000'000 ? "too large" : "";
  }
  Trial trial(const Kernel& kernel) override {
    asked.push_back(kernel.dims[0]);
    if (kernel.dims[0] == 13) throw Error(ErrorKind::kInfeasible, "no memory for it");
    const double seconds = static_cast<double>(bytes_of(kernel).value()) * 1e-9;
    return {.run = [this, seconds](int) { clock_.work(seconds); }};
  }
  std::vector<std::int64_t> asked;

 private:
  FakeClock& clock_;
};

Kernel copy(std::int64_t elements) {
  return {.kind = KernelKind::kCopy, .dtype = Dtype::kFp32, .dims = {elements}};
}

TEST(ProfileRun, TimesWhatIsAskedForAndSaysWhatItCannot) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  FakeBench bench(clock);
  const ProfileRun run =
      run_profile(bench, {copy(1000), copy(2'000'000)}, nullptr, {.rounds = 3}, stopwatch);
  ASSERT_EQ(run.timed.size(), 1u);
  EXPECT_NEAR(run.timed[0].time.value(), 8e-6, 1e-12);
  ASSERT_EQ(run.refused.size(), 1u);
  EXPECT_EQ(run.refused[0].second, "too large");
  EXPECT_TRUE(run.complete);
}

TEST(ProfileRun, WhatHasNoMemoryIsRefusedAndTheOthersAreTimed) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  FakeBench bench(clock);
  const ProfileRun run =
      run_profile(bench, {copy(13), copy(1000)}, nullptr, {.rounds = 2}, stopwatch);
  ASSERT_EQ(run.refused.size(), 1u);
  EXPECT_EQ(run.refused[0].second, "no memory for it");
  ASSERT_EQ(run.timed.size(), 1u);
  EXPECT_EQ(run.timed[0].kernel, copy(1000));
}

TEST(ProfileRun, ARerunTimesOnlyWhatIsMissing) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  FakeBench bench(clock);
  DeviceProfile earlier;
  earlier.points.set({.kernel = copy(1000), .time = Seconds(5), .relative_sigma = 0.03});
  const ProfileRun run =
      run_profile(bench, {copy(1000), copy(2000)}, &earlier, {.rounds = 3}, stopwatch);
  EXPECT_EQ(bench.asked, (std::vector<std::int64_t>{2000}));
  EXPECT_EQ(run.kept, 1u);
  ASSERT_EQ(run.timed.size(), 2u);
  EXPECT_EQ(run.timed[0].time, Seconds(5));
}

TEST(ProfileRun, WhatWasStoppedIsIncompleteAndKeepsWhatIsDone) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  FakeBench bench(clock);
  std::atomic<bool> stop = false;
  const TimingOptions options{.rounds = 3,
                              .stop = &stop,
                              .progress = [&](std::size_t done, std::size_t) { stop = done == 1; }};
  const ProfileRun run = run_profile(bench, {copy(1000), copy(2000)}, nullptr, options, stopwatch);
  EXPECT_FALSE(run.complete);
  ASSERT_EQ(run.timed.size(), 1u);
  EXPECT_EQ(run.timed[0].kernel, copy(1000));
}

}  // namespace
}  // namespace stepcast
