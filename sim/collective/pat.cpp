// Parallel aggregated trees, NCCL's logarithmic algorithm since 2.23 [Jeaugey, PAT: a new algorithm
// for all-gather and reduce-scatter operations at scale, arXiv 2506.20252]: every chunk is spread
// by a binomial tree of its own that serves the farthest ranks first, and what a rank passes on at
// the same time to the same peer goes as one message. NCCL aggregates as far as its buffers allow;
// here they hold everything.
#include <bit>

#include "sim/collective/algorithms.h"
#include "sim/collective/compose.h"

namespace stepcast {

/// ceil(log2 n) rounds, S (n-1)/n bytes.
CollectiveSchedule pat_all_gather(std::uint32_t ranks) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kAllGather, .ranks = ranks, .chunks = ranks, .transfers = {}};
  std::uint32_t step = 0;
  for (std::uint32_t reach = std::bit_ceil(ranks) / 2; reach > 0; reach /= 2, ++step)
    for (std::uint32_t rank = 0; rank < ranks; ++rank)
      // Ranks at multiples of 2 * reach behind the root of a chunk have it by now.
      for (std::uint32_t behind = 0; behind + reach < ranks; behind += 2 * reach)
        schedule.transfers.push_back({.step = step,
                                      .from = rank,
                                      .to = (rank + reach) % ranks,
                                      .chunk = (rank + ranks - behind) % ranks});
  return schedule;
}

CollectiveSchedule pat_reduce_scatter(std::uint32_t ranks) {
  return mirrored(pat_all_gather(ranks));
}

}  // namespace stepcast
