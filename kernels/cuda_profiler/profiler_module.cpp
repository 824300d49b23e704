// libstepcast_cuda.so, as kernels/gpu_profiler/profiler_module.h loads it.
#include <cublasLt.h>
#include <cudnn.h>

#include "kernels/cuda_profiler/cuda_gpu.h"

namespace stepcast {
namespace {

class CudaModule final : public ProfilerModule {
 public:
  GpuPresence presence() const override { return cuda_presence(); }
  std::string bus_id(int number) const override { return cuda_bus_id(number); }
  std::unique_ptr<GpuDevice> open(int number) const override {
    const std::vector<std::pair<std::string, std::string>> libraries = {
        {"cublaslt", std::to_string(cublasLtGetVersion())},
        {"cudnn", std::to_string(cudnnGetVersion())}};
    return std::make_unique<CudaGpu>(number, libraries);
  }
};

}  // namespace
}  // namespace stepcast

extern "C" const stepcast::ProfilerModule* stepcast_profiler_module() {
  static const stepcast::CudaModule kModule;
  return &kModule;
}
