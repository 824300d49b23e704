#include "sim/collective/compose.h"

#include <algorithm>

#include "sim/base/error.h"

namespace stepcast {
namespace {

CollectiveKind mirror_kind(CollectiveKind kind) {
  if (kind == CollectiveKind::kAllGather) return CollectiveKind::kReduceScatter;
  if (kind == CollectiveKind::kBroadcast) return CollectiveKind::kReduce;
  STEPCAST_CHECK(false, "only all_gather and broadcast are mirrored");
}

}  // namespace

CollectiveSchedule mirrored(const CollectiveSchedule& schedule) {
  CollectiveSchedule result = schedule;
  result.kind = mirror_kind(schedule.kind);
  const std::uint32_t steps = num_steps(schedule);
  for (Transfer& transfer : result.transfers) {
    transfer.step = steps - 1 - transfer.step;
    std::swap(transfer.from, transfer.to);
    transfer.reduce = true;
  }
  std::reverse(result.transfers.begin(), result.transfers.end());
  return result;
}

CollectiveSchedule in_sequence(CollectiveSchedule first, const CollectiveSchedule& second,
                               CollectiveKind kind) {
  STEPCAST_CHECK(first.participants() == second.participants() && first.chunks == second.chunks,
                 "schedules of different shapes can't follow each other");
  const std::uint32_t steps = num_steps(first);
  for (Transfer transfer : second.transfers) {
    transfer.step += steps;
    first.transfers.push_back(transfer);
  }
  first.kind = kind;
  return first;
}

StepPlanner::StepPlanner(CollectiveSchedule& schedule)
    : schedule_(schedule), ready_(std::size_t{schedule.participants()} * schedule.chunks, 0) {}

void StepPlanner::add(Transfer transfer) {
  const auto place = [&](std::uint32_t participant) -> std::uint32_t& {
    return ready_[std::size_t{participant} * schedule_.chunks + transfer.chunk];
  };
  std::uint32_t& free = free_[{transfer.from, transfer.lane}];
  transfer.step = std::max({transfer.step, place(transfer.from), free});
  free = transfer.step + 1;
  place(transfer.to) = std::max(place(transfer.to), transfer.step + 1);
  schedule_.transfers.push_back(transfer);
}

void StepPlanner::finish() {
  std::stable_sort(schedule_.transfers.begin(), schedule_.transfers.end(),
                   [](const Transfer& a, const Transfer& b) { return a.step < b.step; });
}

}  // namespace stepcast
