#include "kernels/live/arena.h"

#include <algorithm>
#include <iterator>

#include "kernels/live/step_plan.h"
#include "sim/base/error.h"

namespace stepcast {

std::uint32_t instances(const Program& program, const Buffer& buffer) {
  return buffer.scope == Scope::kStep ? 1 : program.num_microbatches;
}

std::int64_t ArenaPlacement::rounded(Bytes size) {
  return (size.value() + kRounding - 1) / kRounding * kRounding;
}

std::int64_t ArenaPlacement::take(Bytes size) {
  const std::int64_t wanted = rounded(size);
  live_ += wanted;
  peak_ = std::max(peak_, live_);
  const auto gap = std::find_if(gaps_.begin(), gaps_.end(),
                                [&](const auto& entry) { return entry.second >= wanted; });
  if (gap == gaps_.end()) {
    reach_ += wanted;
    return reach_ - wanted;
  }
  const auto [offset, room] = *gap;
  gaps_.erase(gap);
  if (room > wanted) gaps_[offset + wanted] = room - wanted;
  return offset;
}

void ArenaPlacement::give_back(std::int64_t offset, Bytes size) {
  std::int64_t room = rounded(size);
  live_ -= room;
  if (room == 0) return;
  auto next = gaps_.lower_bound(offset);
  if (next != gaps_.end() && next->first == offset + room) {
    room += next->second;
    next = gaps_.erase(next);
  }
  if (next != gaps_.begin() && std::prev(next)->first + std::prev(next)->second == offset)
    std::prev(next)->second += room;
  else
    gaps_[offset] = room;
}

Arena::Arena(const Program& program, const StepPlan& plan, LiveDevice& device)
    : program_(program), plan_(plan), memory_(device.allocate(plan.arena_size)) {
  for (BufferId id = 0; id < program.buffers.size(); ++id) {
    const Buffer& buffer = program.buffers[id];
    offsets_.emplace_back(instances(program, buffer), -1);
    std::ranges::copy(plan.residents[id], offsets_.back().begin());
    for (std::size_t i = 0; i < plan.residents[id].size(); ++i)
      count(ArenaPlacement::rounded(buffer.size));
  }
}

void Arena::count(std::int64_t bytes) {
  live_ += bytes;
  peak_ = std::max(peak_, live_);
}

std::int64_t& Arena::offset(BufferId buffer, std::uint32_t microbatch) {
  return offsets_[buffer][program_.buffers[buffer].scope == Scope::kStep ? 0 : microbatch];
}

void Arena::alloc(BufferId buffer, std::uint32_t microbatch) {
  offset(buffer, microbatch) = plan_.offsets[next_++];
  count(ArenaPlacement::rounded(program_.buffers[buffer].size));
}

void Arena::free(BufferId buffer, std::uint32_t microbatch) {
  offset(buffer, microbatch) = -1;
  count(-ArenaPlacement::rounded(program_.buffers[buffer].size));
}

std::byte* Arena::at(BufferId buffer, std::uint32_t microbatch) const {
  const std::int64_t at_offset =
      offsets_[buffer][program_.buffers[buffer].scope == Scope::kStep ? 0 : microbatch];
  STEPCAST_CHECK(at_offset >= 0, program_.buffers[buffer].name + " is not alive");
  return memory_.get() + at_offset;
}

}  // namespace stepcast
