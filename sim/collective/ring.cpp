// Rings: every rank talks to its two neighbours only, and all links work in every step.
#include "sim/collective/algorithms.h"

namespace stepcast {
namespace {

/// rank - back, modulo ranks.
std::uint32_t before(std::uint32_t rank, std::uint32_t back, std::uint32_t ranks) {
  return (rank + ranks - back % ranks) % ranks;
}

/// Chunk c starts on rank c; at step s of the round, rank r passes chunk r - s on.
void gather_round(CollectiveSchedule& schedule, std::uint32_t first_step) {
  const std::uint32_t ranks = schedule.ranks;
  for (std::uint32_t step = 0; step + 1 < ranks; ++step)
    for (std::uint32_t rank = 0; rank < ranks; ++rank)
      schedule.transfers.push_back({.step = first_step + step,
                                    .from = rank,
                                    .to = (rank + 1) % ranks,
                                    .chunk = before(rank, step, ranks)});
}

/// The sum for rank c starts on rank c + 1 and reaches c after a round: at step s, rank r passes
/// chunk r - s - 1 on.
void reduce_round(CollectiveSchedule& schedule) {
  const std::uint32_t ranks = schedule.ranks;
  for (std::uint32_t step = 0; step + 1 < ranks; ++step)
    for (std::uint32_t rank = 0; rank < ranks; ++rank)
      schedule.transfers.push_back({.step = step,
                                    .from = rank,
                                    .to = (rank + 1) % ranks,
                                    .chunk = before(rank, step + 1, ranks),
                                    .reduce = true});
}

CollectiveSchedule empty_schedule(CollectiveKind kind, std::uint32_t ranks, std::uint32_t chunks) {
  return {.kind = kind, .ranks = ranks, .chunks = chunks, .transfers = {}};
}

/// Pieces follow each other along the chain first, first + 1, ..., one hop per step.
void pipeline(CollectiveSchedule& schedule, std::uint32_t first, bool reduce) {
  const std::uint32_t ranks = schedule.ranks, chunks = schedule.chunks;
  if (ranks < 2) return;
  for (std::uint32_t step = 0; step < chunks + ranks - 2; ++step)
    for (std::uint32_t hop = 0; hop + 1 < ranks; ++hop)
      if (step >= hop && step - hop < chunks)
        schedule.transfers.push_back({.step = step,
                                      .from = (first + hop) % ranks,
                                      .to = (first + hop + 1) % ranks,
                                      .chunk = step - hop,
                                      .reduce = reduce});
}

}  // namespace

/// (n-1) steps of S/n each way: (n-1) (latency + S / (n bandwidth))  [Thakur et al. 2005].
CollectiveSchedule ring_all_gather(std::uint32_t ranks) {
  CollectiveSchedule schedule = empty_schedule(CollectiveKind::kAllGather, ranks, ranks);
  gather_round(schedule, 0);
  return schedule;
}

CollectiveSchedule ring_reduce_scatter(std::uint32_t ranks) {
  CollectiveSchedule schedule = empty_schedule(CollectiveKind::kReduceScatter, ranks, ranks);
  reduce_round(schedule);
  return schedule;
}

/// Twice that: 2 (n-1) (latency + S / (n bandwidth))  [Patarasuk and Yuan 2009].
CollectiveSchedule ring_all_reduce(std::uint32_t ranks) {
  CollectiveSchedule schedule = empty_schedule(CollectiveKind::kAllReduce, ranks, ranks);
  reduce_round(schedule);
  gather_round(schedule, ranks - 1);
  return schedule;
}

/// (chunks + n - 2) steps of S / chunks.
CollectiveSchedule ring_broadcast(std::uint32_t ranks, std::uint32_t chunks) {
  CollectiveSchedule schedule = empty_schedule(CollectiveKind::kBroadcast, ranks, chunks);
  pipeline(schedule, 0, false);
  return schedule;
}

/// From rank 1 round to rank 0.
CollectiveSchedule ring_reduce(std::uint32_t ranks, std::uint32_t chunks) {
  CollectiveSchedule schedule = empty_schedule(CollectiveKind::kReduce, ranks, chunks);
  pipeline(schedule, 1, true);
  return schedule;
}

}  // namespace stepcast
