// The part of stepcast that runs on GPUs, as a library that is loaded when it is asked for: CUDA's
// libraries have hundreds of megabytes, and machines without them run everything else.
//
// The library lies beside the program (libstepcast_cuda.so, built where CUDA is found), or where
// STEPCAST_CUDA_MODULE says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/live/gpu_placement.h"
#include "kernels/live/live_platform.h"

namespace stepcast {

/// Memory of a GPU; that of the driver's own context is taken.
struct GpuRoom {
  Bytes free, total;
};

class GpuModule {
 public:
  virtual ~GpuModule() = default;
  /// By number; not empty. Starts the driver in this process, which must not be forked afterwards.
  /// Throws Error(kUnsupported) when there is none.
  virtual std::vector<GpuName> gpus() const = 0;
  /// Makes a context on it, if this process has none there.
  virtual GpuRoom room(int gpu) const = 0;
  /// "driver for CUDA 13.0, CUDA 13.0, NCCL 2.27.3"
  virtual std::string versions() const = 0;
  /// Ranks on GPUs as placed. Where each has one of its own they communicate by NCCL, unless
  /// `through_host` says that they use memory of the host there as well.
  virtual std::unique_ptr<LivePlatform> platform(const GpuPlacement& placement,
                                                 bool through_host) const = 0;
};

/// What the library exports; it is of the same build as the program.
inline constexpr const char* kGpuModuleEntry = "stepcast_gpu_module";
using GpuModuleEntry = const GpuModule* (*)();

/// Throws Error(kUnsupported) when this build has none, or the system can't load it (the libraries
/// that it needs are missing, say). Stays loaded.
const GpuModule& load_gpu_module();
/// The same of any function that the library exports.
void* gpu_module_entry(const char* name);

/// A GPU that this process may use.
struct GpuState {
  GpuName name;
  GpuRoom room;
};

/// What a module says of each of its GPUs, asked by a child process, so that ours can be forked:
/// ranks are. Throws Error(kUnsupported) with the reason when there is none.
std::vector<GpuState> find_gpus(const GpuModule& module);

}  // namespace stepcast
