#include "kernels/device/cuda_platform.h"

#include "kernels/device/cuda_device.h"
#include "kernels/device/cuda_launchers.h"

namespace stepcast {

LauncherTable CudaPlatform::launchers() const { return cuda_launchers(); }

CoreShare CudaPlatform::share(const RankContext& context, Communicator& /*world*/) const {
  const auto on_gpu = [&](int gpu) { return (context.ranks() - gpu + gpus_ - 1) / gpus_; };
  const int gpu = context.rank() % gpus_;
  return {.ranks = on_gpu(gpu), .turn = context.rank() / gpus_, .turns = on_gpu(0), .first = gpu};
}

std::unique_ptr<LiveDevice> CudaPlatform::device(const RankContext& context) const {
  return std::make_unique<CudaDevice>(context.rank() % gpus_);
}

std::unique_ptr<Exchange> CudaPlatform::exchange(const Job& job, const RankContext& context,
                                                 const LiveRank& rank) const {
  const bool own = context.ranks() > 1 && context.ranks() <= gpus_;
  return own && own_gpus_ ? own_gpus_(job, context, rank)
                          : LivePlatform::exchange(job, context, rank);
}

}  // namespace stepcast
