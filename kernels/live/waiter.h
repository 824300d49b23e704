// How a rank waits for another one: it looks again at once for a while, then gives its core away
// between looks, and after a millisecond of that sleeps until the other one rings.
//
// Times in microseconds for 1 KB between 4 ranks on 2 cores: spinning alone 12,000 (a slice of the
// scheduler per wait), 2,000 spins and then yielding 158, 50 spins 12; sleeping at once 118.
#pragma once

#include <atomic>
#include <cstdint>

namespace stepcast {

/// One per rank, in shared memory. A rank sleeps at its own and is rung by whoever moved on.
struct Doorbell {
  alignas(64) std::atomic<std::uint32_t> rung;
  std::atomic<std::uint32_t> asleep;
  /// 1 + the rank that this one waits for in the second stage or the third; 0: it does not wait.
  std::atomic<std::uint32_t> waits_for;

  /// To be called after publishing what the owner may be waiting for.
  void ring() {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (asleep.load(std::memory_order_relaxed) != 0) wake();
  }
  /// Wakes a sleeping owner in any case.
  void wake();
};

/// Spins before a rank yields: many when every rank has a core of its own, few when they share.
int spins_for(int ranks, int cores);

/// The waiting of one rank. Not thread-safe.
class Waiter {
 public:
  /// Once `abort` is not 0 every wait ends with Error(kLiveRank).
  Waiter(const std::atomic<std::uint32_t>& abort, Doorbell& own, int spins)
      : abort_(abort), own_(own), spins_(spins) {}

  /// Returns when `ready()` is true. `rank` is whom we wait for: it rings our doorbell.
  template <typename Ready>
  void until(int rank, Ready ready) {
    if (ready()) return;
    const std::int64_t start = now_ns();
    for (int tries = 0; tries < spins_; ++tries) {
      pause();
      if (ready()) return finish(start);
    }
    wait_long(rank, start, ready);
  }

  double waited_seconds() const { return static_cast<double>(waited_ns_) * 1e-9; }

 private:
  static std::int64_t now_ns();
  static void pause();
  void yield() const;
  void check_abort() const;
  void sleep(std::uint32_t rung) const;
  void finish(std::int64_t start) { waited_ns_ += now_ns() - start; }

  /// Clears what the doorbell says of us, also when an abort throws.
  struct Announcement {
    Announcement(Doorbell& bell, int rank) : own(bell) {
      own.waits_for.store(static_cast<std::uint32_t>(rank) + 1, std::memory_order_relaxed);
    }
    ~Announcement() {
      own.asleep.store(0, std::memory_order_relaxed);
      own.waits_for.store(0, std::memory_order_relaxed);
    }
    Doorbell& own;
  };

  template <typename Ready>
  void wait_long(int rank, std::int64_t start, Ready ready) {
    constexpr std::int64_t kYieldingNs = 1'000'000;
    const Announcement announcement(own_, rank);
    while (!ready()) {
      check_abort();
      if (now_ns() - start < kYieldingNs) {
        yield();
        continue;
      }
      const std::uint32_t rung = own_.rung.load(std::memory_order_relaxed);
      own_.asleep.store(1, std::memory_order_relaxed);
      // Either we see what was published, or the publisher sees that we are asleep.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (!ready()) sleep(rung);
      own_.asleep.store(0, std::memory_order_relaxed);
    }
    finish(start);
  }

  const std::atomic<std::uint32_t>& abort_;
  Doorbell& own_;
  int spins_;
  std::int64_t waited_ns_ = 0;
};

}  // namespace stepcast
