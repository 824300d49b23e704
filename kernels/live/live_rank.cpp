#include "kernels/live/live_rank.h"

#include <vector>

#include "kernels/live/host_exchange.h"

namespace stepcast {

std::unique_ptr<Exchange> LivePlatform::exchange(const Job& /*job*/, const RankContext& /*context*/,
                                                 const LiveRank& rank) const {
  return std::make_unique<HostExchange>(rank);
}

CoreShare LivePlatform::share(const RankContext& /*context*/, Communicator& world) const {
  return find_core_share(world);
}

LiveRank connect(const Job& job, RankContext& context, const LivePlatform& platform) {
  const RankPlace& place = job.ranks[static_cast<std::size_t>(context.rank())];
  LiveRank rank;
  rank.world = context.world();
  rank.next = place.next;
  rank.previous = place.previous;
  for (std::size_t role = 0; role < kNumGroupRoles; ++role) {
    const std::uint32_t group = place.group[role];
    if (group == kNone) continue;
    const std::vector<Rank>& members = job.groups[group].ranks;
    rank.groups[role] =
        context.communicator(std::vector<int>(members.begin(), members.end()), group + 1);
  }
  rank.device = platform.device(context);
  rank.exchange = platform.exchange(job, context, rank);
  return rank;
}

}  // namespace stepcast
