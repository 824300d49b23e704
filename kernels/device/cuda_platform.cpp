#include "kernels/device/cuda_platform.h"

#include "kernels/device/cuda_device.h"
#include "kernels/device/cuda_launchers.h"

namespace stepcast {

LauncherTable CudaPlatform::launchers() const { return cuda_launchers(); }

std::unique_ptr<LiveDevice> CudaPlatform::device(const RankContext& context) const {
  return std::make_unique<CudaDevice>(context.rank() % gpus_);
}

}  // namespace stepcast
