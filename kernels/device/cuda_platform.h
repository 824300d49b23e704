// The GPUs of this machine as a platform of live runs.
#pragma once

#include "kernels/live/live_platform.h"

namespace stepcast {

/// Rank r computes on GPU r, round. Ranks communicate through the host: it works for ranks that
/// share a GPU, too.
class CudaPlatform final : public LivePlatform {
 public:
  explicit CudaPlatform(int gpus) : gpus_(gpus) {}

  LauncherTable launchers() const override;
  std::unique_ptr<LiveDevice> device(const RankContext& context) const override;

 private:
  int gpus_;
};

}  // namespace stepcast
