// Reduction and multicast in the NVSwitch of a node (NVLink SHARP): each rank owns a share of the
// buffer; it has the switch read and sum that share on all ranks, and store the sum on all of them.
// NVIDIA Hopper architecture white paper and NCCL's src/device/all_reduce.h (RunWorkColl for NVLS).
#include "sim/collective/algorithms.h"
#include "sim/collective/compose.h"

namespace stepcast {
namespace {

constexpr std::uint32_t kReadLane = 0, kStoreLane = 1;  // of a rank

CollectiveSchedule around_one_switch(CollectiveKind kind, std::uint32_t ranks,
                                     std::uint32_t chunks) {
  return {.kind = kind, .ranks = ranks, .chunks = chunks, .transfers = {}, .switches = 1};
}

/// The switch reads `chunk` on all ranks and gives the sum to `owner`.
void read_sum(StepPlanner& plan, std::uint32_t ranks, std::uint32_t owner, std::uint32_t chunk) {
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    plan.add({.from = rank, .to = ranks, .chunk = chunk, .lane = kReadLane, .reduce = true});
  plan.add({.from = ranks, .to = owner, .chunk = chunk, .lane = owner});
}

/// `owner` stores `chunk`, and the switch does on all others.
void store_everywhere(StepPlanner& plan, std::uint32_t ranks, std::uint32_t owner,
                      std::uint32_t chunk) {
  plan.add({.from = owner, .to = ranks, .chunk = chunk, .lane = kStoreLane});
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    if (rank != owner) plan.add({.from = ranks, .to = rank, .chunk = chunk, .lane = ranks + rank});
}

}  // namespace

/// Every rank sends S + S/n and receives as much, whatever n; a ring sends nearly 2 S.
CollectiveSchedule nvls_all_reduce(std::uint32_t ranks, std::uint32_t pieces) {
  CollectiveSchedule schedule =
      around_one_switch(CollectiveKind::kAllReduce, ranks, ranks * pieces);
  StepPlanner plan(schedule);
  if (ranks > 1)
    for (std::uint32_t chunk = 0; chunk < schedule.chunks; ++chunk) {
      read_sum(plan, ranks, chunk % ranks, chunk);
      store_everywhere(plan, ranks, chunk % ranks, chunk);
    }
  plan.finish();
  return schedule;
}

/// Every rank sends S/n.
CollectiveSchedule nvls_all_gather(std::uint32_t ranks) {
  CollectiveSchedule schedule = around_one_switch(CollectiveKind::kAllGather, ranks, ranks);
  StepPlanner plan(schedule);
  if (ranks > 1)
    for (std::uint32_t rank = 0; rank < ranks; ++rank) store_everywhere(plan, ranks, rank, rank);
  plan.finish();
  return schedule;
}

/// Every rank sends S and receives S/n.
CollectiveSchedule nvls_reduce_scatter(std::uint32_t ranks) {
  CollectiveSchedule schedule = around_one_switch(CollectiveKind::kReduceScatter, ranks, ranks);
  StepPlanner plan(schedule);
  if (ranks > 1)
    for (std::uint32_t rank = 0; rank < ranks; ++rank) read_sum(plan, ranks, rank, rank);
  plan.finish();
  return schedule;
}

}  // namespace stepcast
