// Broadcast and reduction along trees.
#include <algorithm>

#include "sim/collective/algorithms.h"
#include "sim/collective/compose.h"
#include "sim/collective/tree_shape.h"

namespace stepcast {

/// Sanders, Speck and Traeff (2009), section 3: rank 0 gives one half of the pieces to the root of
/// one tree over the other ranks, and one half to the root of the other tree. No rank but 0 sends
/// more than S.
CollectiveSchedule double_tree_broadcast(std::uint32_t ranks, std::uint32_t pieces) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kBroadcast, .ranks = ranks, .chunks = 2 * pieces, .transfers = {}};
  if (ranks < 2) return schedule;
  StepPlanner plan(schedule);
  std::vector<std::uint32_t> parents[2], order[2];
  for (std::uint32_t tree : {0u, 1u}) {
    parents[tree] = double_tree_parents(ranks - 1, tree);  // vertex v is rank v + 1
    order[tree] = children_first(parents[tree]);
    std::reverse(order[tree].begin(), order[tree].end());
  }
  for (std::uint32_t chunk = 0; chunk < schedule.chunks; ++chunk)
    for (const std::uint32_t vertex : order[chunk % 2]) {
      const std::uint32_t parent = parents[chunk % 2][vertex];
      plan.add({.from = parent == kTreeRoot ? 0 : parent + 1,
                .to = vertex + 1,
                .chunk = chunk,
                .lane = chunk % 2});
    }
  plan.finish();
  return schedule;
}

CollectiveSchedule double_tree_reduce(std::uint32_t ranks, std::uint32_t pieces) {
  return mirrored(double_tree_broadcast(ranks, pieces));
}

/// ceil(log2 n) steps of S  [Thakur et al. 2005, short messages].
CollectiveSchedule binomial_broadcast(std::uint32_t ranks) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kBroadcast, .ranks = ranks, .chunks = 1, .transfers = {}};
  std::uint32_t step = 0;
  for (std::uint32_t have = 1; have < ranks; have *= 2, ++step)
    for (std::uint32_t rank = 0; rank < have && rank + have < ranks; ++rank)
      schedule.transfers.push_back({.step = step, .from = rank, .to = rank + have, .chunk = 0});
  return schedule;
}

CollectiveSchedule binomial_reduce(std::uint32_t ranks) {
  return mirrored(binomial_broadcast(ranks));
}

}  // namespace stepcast
