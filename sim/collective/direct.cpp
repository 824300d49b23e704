// All-gather for few bytes, in one step: nobody passes on what another one gave.
#include "sim/collective/algorithms.h"

namespace stepcast {

/// latency + (n-1) S / (n bandwidth).
CollectiveSchedule direct_all_gather(std::uint32_t ranks) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kAllGather, .ranks = ranks, .chunks = ranks, .transfers = {}};
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    for (std::uint32_t distance = 1; distance < ranks; ++distance)
      schedule.transfers.push_back({.step = 0,
                                    .from = rank,
                                    .to = (rank + distance) % ranks,
                                    .chunk = rank,
                                    .lane = distance - 1});
  return schedule;
}

}  // namespace stepcast
