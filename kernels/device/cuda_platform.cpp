#include "kernels/device/cuda_platform.h"

#include "kernels/device/cuda_device.h"
#include "kernels/device/cuda_launchers.h"

namespace stepcast {

LauncherTable CudaPlatform::launchers() const { return cuda_launchers(); }

CoreShare CudaPlatform::share(const RankContext& context, Communicator& /*world*/) const {
  return placement_.share(context.rank());
}

std::unique_ptr<LiveDevice> CudaPlatform::device(RankContext& context) const {
  return std::make_unique<CudaDevice>(placement_.number(context.rank()));
}

std::unique_ptr<Exchange> CudaPlatform::exchange(const Job& job, const RankContext& context,
                                                 const LiveRank& rank) const {
  const bool own = context.ranks() > 1 && placement_.each_has_its_own();
  return own && own_gpus_ ? own_gpus_(job, context, rank)
                          : LivePlatform::exchange(job, context, rank);
}

}  // namespace stepcast
