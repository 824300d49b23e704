// One direction between two ranks: a queue in shared memory with one writer and one reader. What is
// longer than a piece passes through in pieces, so reader and writer work at the same time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace stepcast {

/// All zero bytes are a valid, empty queue. Counters stand on cache lines of their own: each has
/// one writer.
class RingQueue {
 public:
  static constexpr std::uint32_t kSlots = 4;
  static constexpr std::size_t kPieceBytes = 32 << 10;

  struct Piece {
    std::uint64_t tag;  ///< which operation it belongs to
    std::uint32_t bytes;
    alignas(64) std::byte data[kPieceBytes];
  };

  // The writer: fill back() while !full(), then push().
  bool full() const {
    return sent_.load(std::memory_order_relaxed) - taken_.load(std::memory_order_acquire) == kSlots;
  }
  Piece& back() { return pieces_[sent_.load(std::memory_order_relaxed) % kSlots]; }
  void push() { sent_.store(sent_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  // The reader: read front() while !empty(), then pop().
  bool empty() const {
    return sent_.load(std::memory_order_acquire) == taken_.load(std::memory_order_relaxed);
  }
  /// Whether the writer has to wait until we take something.
  bool holds_up_writer() const {
    return sent_.load(std::memory_order_acquire) - taken_.load(std::memory_order_relaxed) == kSlots;
  }
  const Piece& front() const { return pieces_[taken_.load(std::memory_order_relaxed) % kSlots]; }
  void pop() {
    taken_.store(taken_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

 private:
  alignas(64) std::atomic<std::uint32_t> sent_;  // counters wrap; kSlots divides 2^32
  alignas(64) std::atomic<std::uint32_t> taken_;
  Piece pieces_[kSlots];
};

}  // namespace stepcast
