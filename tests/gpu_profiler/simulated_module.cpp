// A part for GPUs with a simulated one, for stepcast profile to load: an A100 by its name.
// STEPCAST_SIMULATED says what is the matter with it.
#include <cstdlib>
#include <string_view>

#include "kernels/gpu_profiler/profiler_module.h"
#include "sim/base/error.h"
#include "tests/gpu_profiler/simulated_gpu.h"

namespace stepcast {
namespace {

bool said(std::string_view what) {
  const char* const text = std::getenv("STEPCAST_SIMULATED");
  return text != nullptr && what == text;
}

class SimulatedModule final : public ProfilerModule {
 public:
  GpuPresence presence() const override {
    if (said("no driver")) return {.driver = 0, .runtime = 13000, .error = "no driver"};
    if (said("old driver")) return {.driver = 12040, .runtime = 13000, .error = "insufficient"};
    if (said("no gpu")) return {.driver = 13000, .runtime = 13000, .error = "no device"};
    return {.driver = 13000, .runtime = 13000, .gpus = 1};
  }
  std::string bus_id(int) const override { return "00000000:18:00.0"; }
  std::unique_ptr<GpuDevice> open(int) const override {
    auto gpu = std::make_unique<SimulatedGpu>();
    gpu->facts().name = said("h200") ? "NVIDIA H200" : "NVIDIA A100-SXM4-80GB";
    gpu->facts().num_sms = said("h200") ? 132 : 108;
    gpu->facts().memory_bytes = said("h200") ? 150'000'000'000 : 85'094'825'984;
    gpu->facts().peers = 1;
    gpu->facts().versions = {{"cuda_driver", "13.0"}, {"cuda", "13.0"}};
    if (said("little memory")) gpu->memory = 300'000'000;
    if (said("out of memory"))
      gpu->on_launch = [](const Kernel& kernel) {
        if (kernel.kind == KernelKind::kGemmWgrad)
          throw Error(ErrorKind::kInfeasible, "CUDA: out of memory");
      };
    if (said("breaks down"))
      gpu->on_launch = [launches = 0](const Kernel& kernel) mutable {
        if (kernel.kind == KernelKind::kAdam && ++launches == 6)
          throw Error(ErrorKind::kLiveRank, "CUDA: an illegal memory access was encountered");
      };
    return gpu;
  }
};

}  // namespace
}  // namespace stepcast

extern "C" const stepcast::ProfilerModule* stepcast_profiler_module() {
  static const stepcast::SimulatedModule kModule;
  return &kModule;
}
