#include "kernels/live/scheduled_communicator.h"

#include <algorithm>
#include <string>

#include "sim/base/error.h"
#include "sim/collective/algorithms.h"

namespace stepcast {
namespace {

/// Up to here latency counts, and trees have less of it, one step least.
constexpr std::size_t kSmallBytes = 4 << 10;
/// Pieces of a buffer that follow each other along a ring.
constexpr std::uint32_t kPipelineChunks = 8;

CollectiveSchedule schedule_for(CollectiveKind kind, std::uint32_t ranks, bool small) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return small && ranks > 3 ? double_tree_all_reduce(ranks, 1) : ring_all_reduce(ranks);
    case CollectiveKind::kAllGather:
      return small ? direct_all_gather(ranks) : ring_all_gather(ranks);
    case CollectiveKind::kReduceScatter:
      return ring_reduce_scatter(ranks);
    case CollectiveKind::kBroadcast:
      return ring_broadcast(ranks, small ? 1 : kPipelineChunks);
    case CollectiveKind::kReduce:
      return ring_reduce(ranks, small ? 1 : kPipelineChunks);
    case CollectiveKind::kAllToAll:
      return pairwise_all_to_all(ranks);
    case CollectiveKind::kSendRecv:
      return neighbour_send_recv(ranks);
  }
  STEPCAST_CHECK(false, "a collective without an algorithm");
}

void check_sizes(CollectiveKind kind, std::size_t from, std::size_t to, std::size_t members,
                 std::size_t element_bytes) {
  bool fits = from == to;
  std::size_t unit = element_bytes;
  if (kind == CollectiveKind::kAllGather) fits = to == members * from;
  if (kind == CollectiveKind::kReduceScatter) fits = from == members * to;
  if (kind == CollectiveKind::kAllToAll) unit = members * element_bytes;
  STEPCAST_CHECK(fits && from % unit == 0 && to % unit == 0,
                 std::string(name_of(kind)) + " between " + std::to_string(members) +
                     " members from " + std::to_string(from) + " bytes to " + std::to_string(to));
}

}  // namespace

const MemberPlan& ScheduledCommunicator::plan_for(CollectiveKind kind, std::size_t bytes) {
  const bool small = bytes <= kSmallBytes;
  std::optional<MemberPlan>& plan = plans_[static_cast<std::size_t>(kind)][small ? 1 : 0];
  if (!plan)
    plan = plan_of(schedule_for(kind, static_cast<std::uint32_t>(size()), small),
                   static_cast<std::uint32_t>(index()));
  return *plan;
}

void ScheduledCommunicator::run(CollectiveKind kind, std::span<const std::byte> from,
                                std::span<std::byte> to, Element element, ReduceOp reduce) {
  run_plan(plan_for(kind, std::max(from.size(), to.size())), from, to, element, reduce);
}

void ScheduledCommunicator::run_plan(const MemberPlan& plan, std::span<const std::byte> from,
                                     std::span<std::byte> to, Element element, ReduceOp reduce) {
  check_sizes(plan.kind, from.size(), to.size(), plan.members, size_of(element));
  STEPCAST_CHECK(
      static_cast<int>(plan.members) == size() && static_cast<int>(plan.member) == index(),
      "the plan of another member");
  begin(plan.kind, sequence_++);
  chunks_.set(plan, from, to, size_of(element));
  for (const MemberPlan::Step& step : plan.steps) {
    find_bases(step);
    run_step(step, chunks_, bases_, {element, reduce});
    for (const MemberPlan::Move& move : step.receives)
      chunks_[move.chunk].now = chunks_[move.chunk].target;
  }
  chunks_.finish();
}

/// What comes in second in a step is combined with what came in first.
void ScheduledCommunicator::find_bases(const MemberPlan::Step& step) {
  bases_.clear();
  for (std::size_t i = 0; i < step.receives.size(); ++i) {
    const auto first = step.receives.begin(), here = first + static_cast<std::ptrdiff_t>(i);
    const bool again = std::any_of(
        first, here, [&](const MemberPlan::Move& other) { return other.chunk == here->chunk; });
    const ChunkTable::Chunk& chunk = chunks_[here->chunk];
    bases_.push_back(again ? chunk.target : chunk.now);
  }
}

}  // namespace stepcast
