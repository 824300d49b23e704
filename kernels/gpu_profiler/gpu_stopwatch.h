// Times the kernels of a GPU by events, in one of two states:
//
//   sustained   as in training: a load has run until the clock settled at the power limit, and runs
//               again before every kernel that is timed
//   burst       as in a short benchmark: the GPU was idle for a moment
//
// In both, the last cache is overwritten before every run, and a sample that heat, the power supply
// or another process disturbed does not count.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "kernels/gpu_profiler/gpu_device.h"
#include "kernels/gpu_profiler/gpu_watch.h"
#include "kernels/gpu_profiler/settling.h"
#include "kernels/profiler/timing.h"

namespace stepcast {

/// Time of the host, and how to let some pass. Simulated in tests.
struct HostTime {
  const Clock& clock;
  std::function<void(double seconds)> sleep;

  static HostTime real(const Clock& clock);
};

/// What keeps a GPU at its power limit: a trial, and how long one run takes.
struct GpuLoad {
  Trial trial;
  double seconds = 0;

  /// Issues runs for at least so long.
  void issue(double at_least) const;
};

/// Runs the trial until its time has settled, or for `options.most` seconds, or until `stop`; sets
/// load.seconds. Throws what the device throws.
Settling settle(GpuDevice& device, GpuLoad& load, const HostTime& time,
                const SettlingOptions& options, const std::atomic<bool>* stop);

class GpuStopwatch final : public Stopwatch {
 public:
  /// `load`: the state is sustained, by this load; null: burst. All are kept as references.
  GpuStopwatch(GpuDevice& device, GpuWatch& watch, const HostTime& time, const GpuLoad* load)
      : device_(device), watch_(watch), time_(time), load_(load) {}

  double now() const override { return time_.clock.wall(); }
  void prepare() override;
  Sample sample(const Trial& trial, int turn, int runs) override;
  bool works() const override { return failure_.empty(); }
  /// What the GPU reported when it stopped working; empty while it works.
  const std::string& failure() const { return failure_; }

 private:
  double timed_runs(const Trial& trial, int turn, int runs, bool& good);

  GpuDevice& device_;
  GpuWatch& watch_;
  const HostTime& time_;
  const GpuLoad* load_;
  std::string failure_;
};

}  // namespace stepcast
