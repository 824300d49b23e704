#include "kernels/live/chunk_table.h"

#include <cstring>

#include "sim/base/error.h"

namespace stepcast {

/// The places of one chunk in the buffers of this member, by the meaning of chunks for its kind
/// (sim/collective/schedule.h). A target is left empty where the chunk is not part of the result.
void ChunkTable::place(const MemberPlan& plan, std::span<const std::byte> from,
                       std::span<std::byte> to, std::size_t element_bytes, std::uint32_t index) {
  Chunk& chunk = chunks_[index];
  const bool root = plan.member == 0, own = plan.member == index;
  switch (plan.kind) {
    case CollectiveKind::kAllReduce:
    case CollectiveKind::kBroadcast:
    case CollectiveKind::kReduce: {
      const ChunkRange range = chunk_range(from.size() / element_bytes, plan.chunks, index);
      const std::size_t begin = range.begin * element_bytes;
      chunk.bytes = range.count * element_bytes;
      if (plan.kind != CollectiveKind::kBroadcast || root) chunk.now = from.data() + begin;
      if (plan.kind != CollectiveKind::kReduce || root) chunk.target = to.data() + begin;
      return;
    }
    case CollectiveKind::kAllGather:
      chunk.bytes = from.size();
      if (own) chunk.now = from.data();
      chunk.target = to.data() + index * chunk.bytes;
      return;
    case CollectiveKind::kReduceScatter:
      chunk.bytes = to.size();
      chunk.now = from.data() + index * chunk.bytes;
      if (own) chunk.target = to.data();
      return;
    case CollectiveKind::kAllToAll: {
      const std::uint32_t sender = index / plan.members, receiver = index % plan.members;
      chunk.bytes = from.size() / plan.members;
      if (sender == plan.member) chunk.now = from.data() + receiver * chunk.bytes;
      if (receiver == plan.member) chunk.target = to.data() + sender * chunk.bytes;
      return;
    }
    case CollectiveKind::kSendRecv:
      chunk.bytes = from.size();
      if (own) chunk.now = from.data();
      if ((index + 1) % plan.members == plan.member) chunk.target = to.data();
      return;
  }
}

/// To chunks that come in only to be passed on.
void ChunkTable::give_scratch(const MemberPlan& plan) {
  const auto passes_on = [&](std::size_t i) { return plan.received[i] && !wanted_[i]; };
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < chunks_.size(); ++i)
    if (passes_on(i)) bytes += chunks_[i].bytes;
  if (scratch_.size() < bytes) scratch_.resize(bytes);
  std::byte* next = scratch_.data();
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    if (!passes_on(i)) continue;
    chunks_[i].target = next;
    next += chunks_[i].bytes;
  }
}

void ChunkTable::set(const MemberPlan& plan, std::span<const std::byte> from,
                     std::span<std::byte> to, std::size_t element_bytes) {
  // Other kinds read a chunk for the last time before its place is written.
  if (plan.kind == CollectiveKind::kAllToAll && from.data() == to.data()) {
    copy_of_from_.assign(from.begin(), from.end());
    from = copy_of_from_;
  }
  chunks_.assign(plan.chunks, {});
  wanted_.assign(plan.chunks, false);
  for (std::uint32_t i = 0; i < plan.chunks; ++i) {
    place(plan, from, to, element_bytes, i);
    wanted_[i] = chunks_[i].target != nullptr;
  }
  give_scratch(plan);
}

void ChunkTable::finish() {
  for (std::size_t i = 0; i < chunks_.size(); ++i) {
    const Chunk& chunk = chunks_[i];
    if (!wanted_[i] || chunk.bytes == 0 || chunk.now == chunk.target) continue;
    STEPCAST_CHECK(chunk.now != nullptr, "a schedule that was not proved");
    std::memcpy(chunk.target, chunk.now, chunk.bytes);
  }
}

}  // namespace stepcast
