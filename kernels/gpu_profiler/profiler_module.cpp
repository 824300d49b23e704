#include "kernels/gpu_profiler/profiler_module.h"

#include "kernels/live/gpu_module.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorKind::kUnsupported, why); }

}  // namespace

const ProfilerModule& load_profiler_module() {
  using Entry = const ProfilerModule* (*)();
  return *reinterpret_cast<Entry>(gpu_module_entry("stepcast_profiler_module"))();
}

void require_gpu(const GpuPresence& presence, int number) {
  if (presence.driver == 0)
    refuse("no NVIDIA driver is installed here (CUDA: " + presence.error +
           "); install one for CUDA " + version_text(presence.runtime) +
           " or later, or profile the CPU with --device cpu");
  if (presence.driver < presence.runtime && !presence.error.empty())
    refuse("the NVIDIA driver is too old: it serves CUDA " + version_text(presence.driver) +
           ", and stepcast was built with CUDA " + version_text(presence.runtime) + " (" +
           presence.error + "); update the driver, or build with an older CUDA");
  if (presence.gpus == 0)
    refuse("no GPU can be used here (CUDA: " +
           (presence.error.empty() ? std::string("it lists none") : presence.error) +
           "); look at nvidia-smi and at CUDA_VISIBLE_DEVICES, or profile the CPU with "
           "--device cpu");
  if (number >= presence.gpus)
    refuse("--gpu " + std::to_string(number) + ": there are " + std::to_string(presence.gpus) +
           " GPUs here, numbered from 0");
}

}  // namespace stepcast
