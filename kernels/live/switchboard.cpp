#include "kernels/live/switchboard.h"

#include <algorithm>
#include <cstring>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr int kMostRanks = 64;

struct Header {
  alignas(64) std::atomic<std::uint32_t> abort;
};

static_assert(sizeof(Header) % 64 == 0 && sizeof(RankState) % 64 == 0 &&
              sizeof(RingQueue) % 64 == 0 && sizeof(Mailbox) % 64 == 0);

std::size_t resident_bytes(int ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  return sizeof(Header) + n * sizeof(RankState) + n * n * (sizeof(RingQueue) + sizeof(Mailbox));
}

std::size_t sparse_bytes(const SwitchboardSizes& sizes) {
  const auto n = static_cast<std::size_t>(sizes.ranks);
  return n * n * sizes.mailbox_bytes + n * sizes.kept_bytes;
}

SwitchboardSizes checked(const SwitchboardSizes& sizes) {
  if (sizes.ranks < 1 || sizes.ranks > kMostRanks)
    throw Error(ErrorKind::kUsage, std::to_string(sizes.ranks) + " ranks on one machine; 1 to " +
                                       std::to_string(kMostRanks) + " can be started");
  STEPCAST_CHECK(sizes.mailbox_bytes % 64 == 0 && sizes.kept_bytes % 64 == 0, "alignment");
  return sizes;
}

void copy_text(char* target, std::size_t room, std::string_view text) {
  const std::size_t length = std::min(text.size(), room - 1);
  std::memcpy(target, text.data(), length);
  target[length] = '\0';
}

std::string text_in(const char* text, std::size_t room) {
  return std::string(text, ::strnlen(text, room));
}

}  // namespace

/// Each rank writes its own, so there is no need for an atomic addition.
void RankState::beat() {
  heartbeat.store(heartbeat.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

void RankState::begin(std::string_view operation) {
  const std::uint64_t next = begun.load(std::memory_order_relaxed) + 1;
  copy_text(operations[next % 2], kTextBytes, operation);
  begun.store(next, std::memory_order_release);
  beat();
}

std::string RankState::last_operation() const {
  return text_in(operations[begun.load(std::memory_order_acquire) % 2], kTextBytes);
}

void RankState::end(Farewell how, std::string_view why) {
  copy_text(failure, kFailureBytes, why);
  farewell.store(how, std::memory_order_release);
}

std::string RankState::why() const { return text_in(failure, kFailureBytes); }

Switchboard::Switchboard(const SwitchboardSizes& sizes)
    : sizes_(checked(sizes)),
      resident_(resident_bytes(sizes.ranks), SharedMemory::Pages::kNow),
      sparse_(sparse_bytes(sizes), SharedMemory::Pages::kOnTouch) {}

std::atomic<std::uint32_t>& Switchboard::abort_word() const {
  return reinterpret_cast<Header*>(resident_.data())->abort;
}

void Switchboard::abort() const {
  abort_word().store(1);
  for (int rank = 0; rank < ranks(); ++rank) state(rank).doorbell.wake();
}

RankState& Switchboard::state(int rank) const {
  return reinterpret_cast<RankState*>(resident_.data() + sizeof(Header))[rank];
}

std::size_t Switchboard::pair(int from, int to) const {
  return static_cast<std::size_t>(from) * static_cast<std::size_t>(ranks()) +
         static_cast<std::size_t>(to);
}

RingQueue& Switchboard::queue(int from, int to) const {
  return reinterpret_cast<RingQueue*>(&state(ranks()))[pair(from, to)];
}

Mailbox& Switchboard::mailbox(int from, int to) const {
  return reinterpret_cast<Mailbox*>(&queue(ranks(), 0))[pair(from, to)];
}

std::span<std::byte> Switchboard::mailbox_memory(int from, int to) const {
  return {sparse_.data() + pair(from, to) * sizes_.mailbox_bytes, sizes_.mailbox_bytes};
}

std::span<std::byte> Switchboard::room_to_keep(int rank) const {
  const std::size_t mailboxes = pair(ranks(), 0) * sizes_.mailbox_bytes;
  return {sparse_.data() + mailboxes + static_cast<std::size_t>(rank) * sizes_.kept_bytes,
          sizes_.kept_bytes};
}

std::span<const std::byte> Switchboard::kept(int rank) const {
  return room_to_keep(rank).first(state(rank).kept_bytes.load(std::memory_order_acquire));
}

}  // namespace stepcast
