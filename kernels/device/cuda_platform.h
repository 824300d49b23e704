// GPUs as a platform of live runs.
#pragma once

#include "kernels/live/gpu_placement.h"
#include "kernels/live/live_platform.h"

namespace stepcast {

/// Where each rank has a GPU of its own, ranks communicate as `own_gpus` says (NCCL); ranks that
/// share one communicate through the host, since NCCL has no answer there.
class CudaPlatform final : public LivePlatform {
 public:
  using MakeExchange = std::unique_ptr<Exchange> (*)(const Job& job, const RankContext& context,
                                                     const LiveRank& rank);
  /// Without `own_gpus` all communicate through the host.
  explicit CudaPlatform(GpuPlacement placement, MakeExchange own_gpus = nullptr)
      : placement_(std::move(placement)), own_gpus_(own_gpus) {}

  LauncherTable launchers() const override;
  bool on_cores() const override { return false; }
  /// Those on a GPU.
  CoreShare share(const RankContext& context, Communicator& world) const override;
  std::unique_ptr<LiveDevice> device(RankContext& context) const override;
  std::unique_ptr<Exchange> exchange(const Job& job, const RankContext& context,
                                     const LiveRank& rank) const override;

 private:
  GpuPlacement placement_;
  MakeExchange own_gpus_;
};

}  // namespace stepcast
