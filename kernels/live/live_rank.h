// What a rank has beside its program: its device, its communicators and its neighbours along the
// pipeline.
#pragma once

#include <array>
#include <memory>

#include "kernels/live/communicator.h"
#include "kernels/live/exchange.h"
#include "kernels/live/live_device.h"
#include "kernels/live/live_platform.h"
#include "kernels/live/rank_context.h"
#include "sim/program/job.h"

namespace stepcast {

struct LiveRank {
  std::array<std::unique_ptr<Communicator>, kNumGroupRoles> groups;  ///< nullptr: it has none
  std::unique_ptr<Communicator> world;  ///< messages; members are ranks of the job
  Rank next = kNone, previous = kNone;
  std::unique_ptr<LiveDevice> device;
  std::unique_ptr<Exchange> exchange;  ///< between devices

  Communicator* group(GroupRole role) const { return groups[static_cast<std::size_t>(role)].get(); }
  /// Of this rank in the group; 0 of 1 where it has none.
  std::int64_t index(GroupRole role) const { return group(role) ? group(role)->index() : 0; }
  std::int64_t size(GroupRole role) const { return group(role) ? group(role)->size() : 1; }
};

/// As the job places the rank that `context` is.
LiveRank connect(const Job& job, RankContext& context, const LivePlatform& platform);

}  // namespace stepcast
