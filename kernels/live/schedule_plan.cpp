#include "kernels/live/schedule_plan.h"

#include <algorithm>

namespace stepcast {

MemberPlan plan_of(const CollectiveSchedule& schedule, std::uint32_t member) {
  MemberPlan plan{.kind = schedule.kind,
                  .members = schedule.ranks,
                  .member = member,
                  .chunks = schedule.chunks,
                  .steps = {},
                  .received = std::vector<bool>(schedule.chunks, false)};
  std::uint32_t open_step = 0;
  for (const Transfer& transfer : schedule.transfers) {
    if (transfer.from != member && transfer.to != member) continue;
    if (plan.steps.empty() || transfer.step != open_step) plan.steps.emplace_back();
    open_step = transfer.step;
    const bool sends = transfer.from == member;
    auto& moves = sends ? plan.steps.back().sends : plan.steps.back().receives;
    moves.push_back({.peer = sends ? transfer.to : transfer.from,
                     .chunk = transfer.chunk,
                     .reduce = transfer.reduce});
    if (!sends) plan.received[transfer.chunk] = true;
  }
  return plan;
}

ChunkRange chunk_range(std::size_t elements, std::uint32_t chunks, std::uint32_t chunk) {
  const std::size_t share = elements / chunks, rest = elements % chunks;
  return {.begin = share * chunk + std::min<std::size_t>(chunk, rest),
          .count = share + (chunk < rest ? 1 : 0)};
}

}  // namespace stepcast
