// All-to-all in two stages, with messages put together on the way, as NCCL's PXN does: what is
// meant for rail j of any node goes over NVLink to the local rank that owns rail j, and that one
// sends what its whole node has for a remote rank as one message.
// [NVIDIA, Doubling all2all performance with NCCL 2.12, 2022].
#include "sim/base/error.h"
#include "sim/collective/algorithms.h"

namespace stepcast {

/// (g-1) + (N-1) messages of every rank; S (g-1)/g bytes inside the node, S (N-1)/N between nodes.
CollectiveSchedule hierarchical_all_to_all(std::uint32_t ranks, std::uint32_t per_node) {
  STEPCAST_CHECK(per_node >= 1 && ranks % per_node == 0, "nodes must be full");
  const std::uint32_t nodes = ranks / per_node;
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kAllToAll, .ranks = ranks, .chunks = ranks * ranks, .transfers = {}};
  std::uint32_t step = 0;
  for (std::uint32_t round = 1; round < per_node; ++round, ++step)
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      const std::uint32_t rail = (rank + round) % per_node;
      for (std::uint32_t node = 0; node < nodes; ++node)
        schedule.transfers.push_back({.step = step,
                                      .from = rank,
                                      .to = rank / per_node * per_node + rail,
                                      .chunk = rank * ranks + node * per_node + rail});
    }
  for (std::uint32_t round = 1; round < nodes; ++round, ++step)
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      const std::uint32_t peer = (rank + round * per_node) % ranks;
      const std::uint32_t first = rank / per_node * per_node;
      for (std::uint32_t source = first; source < first + per_node; ++source)
        schedule.transfers.push_back(
            {.step = step, .from = rank, .to = peer, .chunk = source * ranks + peer});
    }
  return schedule;
}

}  // namespace stepcast
