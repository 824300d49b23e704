#include "kernels/gpu_profiler/gpu_stopwatch.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// Of load before a kernel: long beside the milliseconds in which power limits act, short beside a
/// sweep of hundreds of kernels.
constexpr double kLoadSeconds = 0.02;
/// Of rest before a burst.
constexpr double kRestSeconds = 0.1;
/// Of load between two looks at how long it takes.
constexpr double kBatchSeconds = 0.05;
constexpr int kMostRuns = 1000;  ///< of a load at once

bool is_of_one_kernel(const Error& error) {
  return error.kind() == ErrorKind::kInfeasible || error.kind() == ErrorKind::kUnsupported;
}

int runs_for(double at_least, double seconds) {
  if (seconds <= 0) return 1;
  return static_cast<int>(std::clamp(std::ceil(at_least / seconds), 1.0, double{kMostRuns}));
}

}  // namespace

HostTime HostTime::real(const Clock& clock) {
  return {.clock = clock, .sleep = [](double seconds) {
            std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
          }};
}

void GpuLoad::issue(double at_least) const {
  const int runs = runs_for(at_least, seconds);
  for (int i = 0; i < runs; ++i) trial.run(i % trial.turns);
}

Settling settle(GpuDevice& device, GpuLoad& load, const HostTime& time,
                const SettlingOptions& options, const std::atomic<bool>* stop) {
  Settling settling(options);
  load.trial.run(0);  // libraries choose their kernels at the first run
  device.wait();
  for (int runs = 1;; runs = runs_for(kBatchSeconds, load.seconds)) {
    device.forget_marks();
    const GpuDevice::Mark begin = device.mark(GpuLane::kMain);
    for (int i = 0; i < runs; ++i) load.trial.run(i % load.trial.turns);
    const GpuDevice::Mark end = device.mark(GpuLane::kMain);
    device.wait();
    load.seconds = device.seconds(begin, end) / runs;
    settling.add(time.clock.wall(), load.seconds);
    const bool stopped = stop != nullptr && stop->load();
    if (settling.settled() || settling.overdue() || stopped) return settling;
  }
}

void GpuStopwatch::prepare() {
  if (!works()) return;
  try {
    if (load_ != nullptr) {
      load_->issue(kLoadSeconds);
    } else {
      device_.wait();
      time_.sleep(kRestSeconds);
    }
  } catch (const Error& error) {
    failure_ = error.what();
  }
}

double GpuStopwatch::timed_runs(const Trial& trial, int turn, int runs, bool& good) {
  device_.forget_marks();
  std::vector<std::pair<GpuDevice::Mark, GpuDevice::Mark>> marks;
  for (int i = 0; i < runs; ++i) {
    device_.flush_cache(GpuLane::kMain);
    const GpuDevice::Mark begin = device_.mark(GpuLane::kMain);
    trial.run((turn + i) % trial.turns);
    marks.emplace_back(begin, device_.mark(GpuLane::kMain));
  }
  good = watch_.undisturbed(now());  // while it works
  device_.wait();
  double seconds = 0;
  for (const auto& [begin, end] : marks) seconds += device_.seconds(begin, end);
  return seconds / runs;
}

Sample GpuStopwatch::sample(const Trial& trial, int turn, int runs) {
  if (!works()) return {.good = false};
  try {
    Sample sample;
    sample.seconds = timed_runs(trial, turn, runs, sample.good);
    return sample;
  } catch (const Error& error) {
    if (is_of_one_kernel(error)) {
      device_.wait();
      throw;
    }
    failure_ = error.what();
    return {.good = false};
  }
}

}  // namespace stepcast
