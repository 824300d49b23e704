#include "sim/collective/algorithms.h"

namespace stepcast {

/// (n-1) rounds of S/n: (n-1) (latency + S / (n bandwidth))  [Thakur et al. 2005, long messages].
CollectiveSchedule pairwise_all_to_all(std::uint32_t ranks) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kAllToAll, .ranks = ranks, .chunks = ranks * ranks, .transfers = {}};
  for (std::uint32_t round = 1; round < ranks; ++round)
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      const std::uint32_t peer = (rank + round) % ranks;
      schedule.transfers.push_back(
          {.step = round - 1, .from = rank, .to = peer, .chunk = rank * ranks + peer});
    }
  return schedule;
}

}  // namespace stepcast
