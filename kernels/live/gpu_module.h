// The part of stepcast that runs on GPUs, as a library that is loaded when it is asked for: CUDA's
// libraries have hundreds of megabytes, and machines without them run everything else.
//
// The library lies beside the program (libstepcast_cuda.so, built where CUDA is found), or where
// STEPCAST_CUDA_MODULE says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/live/live_platform.h"

namespace stepcast {

/// A GPU that this process may use.
struct GpuState {
  std::string name;   ///< "NVIDIA H200"
  Bytes free, total;  ///< memory; that of the driver's own context is taken
};

class GpuModule {
 public:
  virtual ~GpuModule() = default;
  /// By number. Starts the driver in this process, which must not be forked afterwards. Throws
  /// Error(kUnsupported) when there is none.
  virtual std::vector<GpuState> gpus() const = 0;
  /// Rank r on GPU r of `gpus`, round.
  virtual std::unique_ptr<LivePlatform> platform(int gpus) const = 0;
};

/// What the library exports; it is of the same build as the program.
inline constexpr const char* kGpuModuleEntry = "stepcast_gpu_module";
using GpuModuleEntry = const GpuModule* (*)();

/// Throws Error(kUnsupported) when this build has none, or the system can't load it (the libraries
/// that it needs are missing, say). Stays loaded.
const GpuModule& load_gpu_module();
/// The same of any function that the library exports.
void* gpu_module_entry(const char* name);

/// GpuModule::gpus() of a child process, so that ours can be forked: ranks are. Throws
/// Error(kUnsupported) with the reason when there is none.
std::vector<GpuState> find_gpus(const GpuModule& module);

}  // namespace stepcast
