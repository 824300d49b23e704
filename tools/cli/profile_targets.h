// What `stepcast profile` can measure: a core of this machine, or a GPU.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/profiler/profile_run.h"
#include "sim/stepcast.h"

namespace stepcast::cli {

class ProfileTarget {
 public:
  virtual ~ProfileTarget() = default;

  /// As the machine names it, for DeviceProfile::provenance: earlier profiles must be of the same.
  virtual std::string machine() const = 0;
  virtual const Device& device() const = 0;
  /// Seconds, where the user gives none.
  virtual double budget() const = 0;
  /// Times what the target was made for.
  virtual ProfileRun run(const DeviceProfile* earlier, const TimingOptions& options) = 0;
  /// After run(): for DeviceProfile::provenance, the machine among it; and lines for the user.
  virtual std::vector<std::pair<std::string, std::string>> facts() const = 0;
  virtual std::vector<std::string> notes() const { return {}; }
};

/// The kernels of `scenario`, or a grid of shapes where there is none. Throws Error(kUnsupported)
/// when the scenario is not on CPU ranks.
std::unique_ptr<ProfileTarget> cpu_target(const std::optional<Scenario>& scenario,
                                          const Library& library);

struct GpuChoice {
  int number = 0;
  std::string as;  ///< a device's name or file; empty: by what the driver calls the GPU
};

/// The same on a GPU. Throws Error(kUnsupported) when it can't be used, or is not the scenario's.
std::unique_ptr<ProfileTarget> gpu_target(const std::optional<Scenario>& scenario,
                                          const GpuChoice& choice, const Library& library);

/// Why no GPU can be profiled here; empty when one can.
std::string why_no_gpu(int number);

/// The devices that are shipped.
std::vector<Device> shipped_devices(const Library& library);

}  // namespace stepcast::cli
