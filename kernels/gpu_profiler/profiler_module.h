// What the part of stepcast for GPUs (kernels/live/gpu_module.h) has for the profiler.
//
//   const ProfilerModule& module = load_profiler_module();
//   require_gpu(module.presence(), 0);
//   std::unique_ptr<GpuDevice> gpu = module.open(0);
#pragma once

#include <memory>
#include <string>

#include "kernels/gpu_profiler/gpu_device.h"

namespace stepcast {

/// What CUDA says before anything is done with it. Versions are 1000 * major + 10 * minor.
struct GpuPresence {
  int driver = 0;       ///< newest CUDA that the driver serves; 0: no driver
  int runtime = 0;      ///< CUDA that this build was made with
  int gpus = 0;         ///< 0 where there is an error
  std::string error{};  ///< in CUDA's words; empty: none
};

/// What the shared library holds.
class ProfilerModule {
 public:
  virtual ~ProfilerModule() = default;
  virtual GpuPresence presence() const = 0;
  /// PCI address of GPU `number`, without a context on it.
  virtual std::string bus_id(int number) const = 0;
  virtual std::unique_ptr<GpuDevice> open(int number) const = 0;
};

/// Throws Error(kUnsupported) as load_gpu_module() does.
const ProfilerModule& load_profiler_module();

/// Throws Error(kUnsupported) where there is no GPU `number` to use, with the reason and a way out:
/// no driver, a driver too old, no GPU, none of that number.
void require_gpu(const GpuPresence& presence, int number);

}  // namespace stepcast

/// Exported by the library.
extern "C" const stepcast::ProfilerModule* stepcast_profiler_module();
