// A kind of device, and how each rank gets one.
#pragma once

#include <memory>

#include "kernels/live/core_share.h"
#include "kernels/live/exchange.h"
#include "kernels/live/live_device.h"
#include "kernels/live/rank_context.h"
#include "sim/program/job.h"

namespace stepcast {

struct LiveRank;

class LivePlatform {
 public:
  virtual ~LivePlatform() = default;

  /// Of its devices; may be asked before any rank runs.
  virtual LauncherTable launchers() const = 0;
  /// A rank computes on the core that it runs on, and is best kept there. (Drivers of other devices
  /// have threads of their own.)
  virtual bool on_cores() const = 0;
  /// Which ranks take turns: those on a core. Called by all ranks.
  virtual CoreShare share(const RankContext& context, Communicator& world) const;
  /// Called by each rank in its own process or thread, once. The context outlives it.
  virtual std::unique_ptr<LiveDevice> device(RankContext& context) const = 0;
  /// `rank` has its communicators and its device. Unless a platform knows better, ranks communicate
  /// through the host.
  virtual std::unique_ptr<Exchange> exchange(const Job& job, const RankContext& context,
                                             const LiveRank& rank) const;
};

}  // namespace stepcast
