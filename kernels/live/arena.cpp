#include "kernels/live/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "sim/base/error.h"

namespace stepcast {
namespace {

std::uint32_t instances(const Program& program, const Buffer& buffer) {
  return buffer.scope == Scope::kStep ? 1 : program.num_microbatches;
}

/// Takes what is alive all the time; `place` is told buffer, instance and offset.
template <typename Place>
void take_residents(const Program& program, ArenaPlacement& placement, Place place) {
  for (BufferId id = 0; id < program.buffers.size(); ++id) {
    const Buffer& buffer = program.buffers[id];
    for (std::uint32_t i = 0; buffer.resident && i < instances(program, buffer); ++i)
      place(id, i, placement.take(buffer.size));
  }
}

}  // namespace

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

Bytes arena_size(const Program& program) {
  ArenaPlacement placement;
  std::map<std::pair<BufferId, std::uint32_t>, std::int64_t> alive;
  const auto key = [&](BufferId id, std::uint32_t microbatch) {
    return std::pair(id, program.buffers[id].scope == Scope::kStep ? 0u : microbatch);
  };
  take_residents(program, placement, [](BufferId, std::uint32_t, std::int64_t) {});
  for (const Call& call : program.calls)
    for (const Op& op : program.blocks[call.block].ops) {
      if (const auto* alloc = std::get_if<Alloc>(&op.what))
        alive[key(alloc->buffer, call.microbatch)] =
            placement.take(program.buffers[alloc->buffer].size);
      if (const auto* free = std::get_if<Free>(&op.what))
        placement.give_back(alive.at(key(free->buffer, call.microbatch)),
                            program.buffers[free->buffer].size);
    }
  return placement.reach();
}

Arena::Arena(const Program& program) : program_(program), size_(arena_size(program)) {
  void* memory = mmap(nullptr, static_cast<std::size_t>(std::max<std::int64_t>(size_.value(), 1)),
                      PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED)
    throw Error(ErrorKind::kInfeasible, program.name + ": this machine gives no " +
                                            std::to_string(size_.value()) +
                                            " bytes; use a smaller model or batch");
  memory_ = static_cast<std::byte*>(memory);
  for (const Buffer& buffer : program.buffers)
    offsets_.emplace_back(instances(program, buffer), -1);
  take_residents(program, placement_, [&](BufferId id, std::uint32_t i, std::int64_t at_offset) {
    offsets_[id][i] = at_offset;
  });
}

Arena::~Arena() {
  munmap(memory_, static_cast<std::size_t>(std::max<std::int64_t>(size_.value(), 1)));
}

std::int64_t& Arena::offset(BufferId buffer, std::uint32_t microbatch) {
  return offsets_[buffer][program_.buffers[buffer].scope == Scope::kStep ? 0 : microbatch];
}

void Arena::alloc(BufferId buffer, std::uint32_t microbatch) {
  offset(buffer, microbatch) = placement_.take(program_.buffers[buffer].size);
}

void Arena::free(BufferId buffer, std::uint32_t microbatch) {
  std::int64_t& at_offset = offset(buffer, microbatch);
  placement_.give_back(at_offset, program_.buffers[buffer].size);
  at_offset = -1;
}

std::byte* Arena::at(BufferId buffer, std::uint32_t microbatch) const {
  const std::int64_t at_offset =
      offsets_[buffer][program_.buffers[buffer].scope == Scope::kStep ? 0 : microbatch];
  STEPCAST_CHECK(at_offset >= 0, program_.buffers[buffer].name + " is not alive");
  return memory_ + at_offset;
}

}  // namespace stepcast
