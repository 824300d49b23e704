// What libstepcast_cuda.so exports.
#include "kernels/live/gpu_module.h"

#include "kernels/device/cuda_gpus.h"
#include "kernels/device/cuda_platform.h"
#include "kernels/device/nccl_exchange.h"

namespace stepcast {
namespace {

class CudaModule final : public GpuModule {
 public:
  std::vector<GpuState> gpus() const override { return cuda_gpus(); }
  std::unique_ptr<LivePlatform> platform(int gpus) const override {
    return std::make_unique<CudaPlatform>(gpus, nccl_exchange);
  }
};

}  // namespace
}  // namespace stepcast

extern "C" const stepcast::GpuModule* stepcast_gpu_module() {
  static const stepcast::CudaModule module;
  return &module;
}
