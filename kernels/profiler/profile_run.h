// A profile in the making: which kernels are timed, which were timed before, which can't be, and
// what comes out of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/profiler/profile_fit.h"
#include "kernels/profiler/timing.h"

namespace stepcast {

/// The kernels of a device, to be run over and over.
class KernelBench {
 public:
  virtual ~KernelBench() = default;
  /// Why a kernel can't be run here: "no kernel for fp8", "needs 80 GB"; empty when it can.
  virtual std::string refusal(const Kernel& kernel) const = 0;
  /// Runs the kernel on operands as in training: random, and cold in the first cache. The bench
  /// must outlive it. Only for kernels that are not refused.
  virtual Trial trial(const Kernel& kernel) = 0;
};

struct ProfileRun {
  std::vector<TimedKernel> timed;  ///< those kept from before among them
  std::size_t kept = 0;            ///< taken from an earlier profile
  std::size_t unknown = 0;         ///< were disturbed in every sample
  std::size_t samples = 0, dropped = 0;
  std::vector<std::pair<Kernel, std::string>> refused;
  std::string broken{};  ///< what the device said when it stopped working
  bool complete = true;  ///< false: stopped or out of budget before the first round was over
};

/// Times `kernels` but for those that `earlier` (may be null) has as points. Those are taken over,
/// also the ones that are not asked for. A kernel that fails (out of memory, say) is refused with
/// what it said; the others go on.
ProfileRun run_profile(KernelBench& bench, const std::vector<Kernel>& kernels,
                       const DeviceProfile* earlier, const TimingOptions& options,
                       Stopwatch& stopwatch);

}  // namespace stepcast
