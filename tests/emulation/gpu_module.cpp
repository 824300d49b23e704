// The part for GPUs with emulated ones: what stepcast loads in tests. The emulated NCCL is one of
// threads, and ranks are processes here: they communicate through the host on whatever GPUs they
// are.
#include "kernels/live/gpu_module.h"

#include "kernels/device/cuda_gpus.h"
#include "kernels/device/cuda_platform.h"

namespace stepcast {
namespace {

class EmulatedModule final : public GpuModule {
 public:
  std::vector<GpuState> gpus() const override { return cuda_gpus(); }
  std::unique_ptr<LivePlatform> platform(int gpus) const override {
    return std::make_unique<CudaPlatform>(gpus);
  }
};

}  // namespace
}  // namespace stepcast

extern "C" const stepcast::GpuModule* stepcast_gpu_module() {
  static const stepcast::EmulatedModule module;
  return &module;
}
