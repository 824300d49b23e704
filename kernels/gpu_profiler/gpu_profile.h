// The profile of a GPU: its load settles, kernels are timed as in training, and products once more
// as in a short benchmark.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/gpu_profiler/gpu_bench.h"
#include "kernels/gpu_profiler/gpu_stopwatch.h"

namespace stepcast {

struct GpuProfileRun {
  ProfileRun run;  ///< products of both conditions among `timed`
  /// For DeviceProfile::provenance: the clocks and so on of the sustained part.
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<std::string> notes;  ///< for the user: how the clock settled, what disturbed the run
};

/// As run_profile(). Of the budget a quarter at the most is spent on settling, and a quarter is
/// left for short benchmarks, which `earlier` may have, too. When the GPU stops working, what was
/// timed until then is kept, and run.broken says why.
GpuProfileRun run_gpu_profile(GpuDevice& device, GpuBench& bench, GpuWatch& watch,
                              const HostTime& time, const std::vector<Kernel>& kernels,
                              const DeviceProfile* earlier, const TimingOptions& options);

}  // namespace stepcast
