// What libstepcast_cuda.so exports.
#include "kernels/live/gpu_module.h"

#include "kernels/device/cuda_gpus.h"
#include "kernels/device/cuda_platform.h"
#include "kernels/device/nccl_exchange.h"

namespace stepcast {
namespace {

class CudaModule final : public GpuModule {
 public:
  std::vector<GpuName> gpus() const override { return cuda_gpus(); }
  GpuRoom room(int gpu) const override { return cuda_room(gpu); }
  std::string versions() const override { return cuda_versions(); }
  std::unique_ptr<LivePlatform> platform(const GpuPlacement& placement,
                                         bool through_host) const override {
    return std::make_unique<CudaPlatform>(placement, through_host ? nullptr : nccl_exchange);
  }
};

}  // namespace
}  // namespace stepcast

extern "C" const stepcast::GpuModule* stepcast_gpu_module() {
  static const stepcast::CudaModule module;
  return &module;
}
