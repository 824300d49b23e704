#include "sim/collective/algorithms.h"

namespace stepcast {

/// One step: every rank sends S and receives S.
CollectiveSchedule neighbour_send_recv(std::uint32_t ranks) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kSendRecv, .ranks = ranks, .chunks = ranks, .transfers = {}};
  for (std::uint32_t rank = 0; rank < ranks && ranks > 1; ++rank)
    schedule.transfers.push_back(
        {.step = 0, .from = rank, .to = (rank + 1) % ranks, .chunk = rank});
  return schedule;
}

}  // namespace stepcast
