#include <algorithm>

#include "sim/base/error.h"
#include "sim/collective/algorithms.h"

namespace stepcast {

/// (n-1) rounds of S/n: (n-1) (latency + S / (n bandwidth))  [Thakur et al. 2005, long messages].
/// Over nodes a rank's messages inside its node and those that leave it are two lanes. In each
/// round every node sends to one other node, and every rank of it to another rank of that one:
/// nobody gets two messages at once.
CollectiveSchedule pairwise_all_to_all(std::uint32_t ranks, std::uint32_t per_node) {
  STEPCAST_CHECK(per_node >= 1 && ranks % per_node == 0, "nodes must be full");
  constexpr std::uint32_t kNear = 0, kFar = 1;
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kAllToAll, .ranks = ranks, .chunks = ranks * ranks, .transfers = {}};
  const auto add_round = [&](std::uint32_t step, std::uint32_t nodes_on, std::uint32_t places_on) {
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      const std::uint32_t first = (rank / per_node + nodes_on) * per_node % ranks;
      const std::uint32_t peer = first + (rank + places_on) % per_node;
      schedule.transfers.push_back({.step = step,
                                    .from = rank,
                                    .to = peer,
                                    .chunk = rank * ranks + peer,
                                    .lane = nodes_on == 0 ? kNear : kFar});
    }
  };
  const std::uint32_t far_rounds = ranks - per_node;
  for (std::uint32_t round = 0; round < std::max(far_rounds, per_node - 1); ++round) {
    if (round + 1 < per_node) add_round(round, 0, round + 1);
    if (round < far_rounds) add_round(round, 1 + round / per_node, round % per_node);
  }
  return schedule;
}

}  // namespace stepcast
