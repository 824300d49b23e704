#include "sim/collective/schedule.h"

namespace stepcast {

Bytes chunk_size(const CollectiveSchedule& schedule, Bytes size, std::uint32_t chunk) {
  if (schedule.kind == CollectiveKind::kSendRecv) return size;
  const bool all_to_all = schedule.kind == CollectiveKind::kAllToAll;
  const std::int64_t parts = all_to_all ? schedule.ranks : schedule.chunks;
  const std::int64_t part = all_to_all ? chunk % schedule.ranks : chunk;
  // size * part / parts without overflow: whole shares, then the rest spread over the first parts.
  const std::int64_t share = size.value() / parts;
  return Bytes(share + (part < size.value() % parts ? 1 : 0));
}

Bytes bytes_sent(const CollectiveSchedule& schedule, Bytes size, std::uint32_t participant) {
  Bytes sum;
  for (const Transfer& transfer : schedule.transfers)
    if (transfer.from == participant) sum += chunk_size(schedule, size, transfer.chunk);
  return sum;
}

std::uint32_t num_steps(const CollectiveSchedule& schedule) {
  return schedule.transfers.empty() ? 0 : schedule.transfers.back().step + 1;
}

}  // namespace stepcast
