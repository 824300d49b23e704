// The memory over which the ranks of one machine talk and are watched: a page of state per rank, a
// queue and a mailbox for each direction of each pair, and what each rank keeps for the caller. It
// is made before the ranks start, as processes (process_group.h) or as threads (thread_group.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernels/live/mailbox.h"
#include "kernels/live/ring_queue.h"
#include "kernels/live/shared_memory.h"
#include "kernels/live/waiter.h"

namespace stepcast {

/// What one rank shows to its supervisor.
struct RankState {
  static constexpr std::size_t kTextBytes = 256;
  static constexpr std::size_t kFailureBytes = 1024;

  Doorbell doorbell;
  /// Counts signs of life: operations and collectives that were begun, messages received.
  alignas(64) std::atomic<std::uint64_t> heartbeat;
  /// Operations that were begun. Its parity says which of the two texts names the last one, so a
  /// rank that stands still is read without tearing.
  std::atomic<std::uint64_t> begun;
  char operations[2][kTextBytes];
  /// How the rank says that it ends, before it does.
  enum class Farewell : std::uint32_t {
    kNone,  ///< it runs, or died without a word
    kDone,
    kFailed,   ///< see `failure`
    kAborted,  ///< only because another rank failed
  };
  alignas(64) std::atomic<Farewell> farewell;
  char failure[kFailureBytes];
  std::atomic<std::uint64_t> kept_bytes;

  void beat();
  void begin(std::string_view operation);
  std::string last_operation() const;
  void end(Farewell how, std::string_view why = {});
  std::string why() const;
};

struct SwitchboardSizes {
  int ranks = 1;
  /// Most bytes of messages under way in one direction of a pair, and most bytes that a rank can
  /// keep. Address space only, until it is used.
  std::size_t mailbox_bytes = std::size_t{256} << 20;
  std::size_t kept_bytes = std::size_t{64} << 20;
};

class Switchboard {
 public:
  /// Throws Error(kUsage) when ranks is not 1 .. 64, Error(kIo) when the system gives no memory.
  explicit Switchboard(const SwitchboardSizes& sizes);

  int ranks() const { return sizes_.ranks; }

  /// Once set, every rank that waits or is about to wait throws.
  std::atomic<std::uint32_t>& abort_word() const;
  /// Sets it, and wakes who sleeps.
  void abort() const;

  RankState& state(int rank) const;
  RingQueue& queue(int from, int to) const;
  Mailbox& mailbox(int from, int to) const;
  std::span<std::byte> mailbox_memory(int from, int to) const;

  /// All of a rank's room to keep bytes in; the first state(rank).kept_bytes of it are written.
  std::span<std::byte> room_to_keep(int rank) const;
  /// What it has kept so far; whole pieces only, whenever it died.
  std::span<const std::byte> kept(int rank) const;

  /// To be called by every process after the fork.
  void map_all_pages() const { resident_.map_all_pages(); }

 private:
  std::size_t pair(int from, int to) const;

  SwitchboardSizes sizes_;
  SharedMemory resident_;  // Header, RankState[ranks], RingQueue[ranks^2], Mailbox[ranks^2]
  SharedMemory sparse_;    // memories of the mailboxes, then what is kept
};

}  // namespace stepcast
