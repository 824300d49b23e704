#include "kernels/live/live_rank.h"

#include <vector>

namespace stepcast {

LiveRank connect(const Job& job, RankContext& context) {
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
  return rank;
}

}  // namespace stepcast
