// Messages of one rank to another. The sender copies a message into memory that both share and goes
// on; it never waits for the receiver.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <vector>

namespace stepcast {

/// The shared part: a queue of envelopes, which say where the messages lie. One writer, one reader;
/// all zero bytes are a valid, empty mailbox.
struct Mailbox {
  static constexpr std::uint32_t kMessages = 1024;
  struct Envelope {
    std::uint64_t tag;
    std::size_t offset, bytes;  ///< in the mailbox's memory
  };
  alignas(64) std::atomic<std::uint32_t> sent;
  alignas(64) std::atomic<std::uint32_t> taken;
  Envelope envelopes[kMessages];
};

/// The writing end, kept by the sender.
class MailboxWriter {
 public:
  /// `memory`: shared, of this mailbox alone; its pages are touched from the beginning on and no
  /// further than the messages under way need.
  MailboxWriter(Mailbox& mailbox, std::span<std::byte> memory)
      : mailbox_(mailbox), memory_(memory) {}

  /// Throws Error(kLiveRank) when the messages under way fill the memory.
  void send(std::uint64_t tag, std::span<const std::byte> bytes);

 private:
  struct Stretch {
    std::size_t offset, bytes;
  };
  void forget_taken();
  std::size_t find_room(std::size_t bytes) const;

  Mailbox& mailbox_;
  std::span<std::byte> memory_;
  std::deque<Stretch> under_way_;  // oldest first
  std::uint32_t forgotten_ = 0;    // messages that were taken and whose room is free again
};

/// The reading end, kept by the receiver. Messages of several groups share a mailbox, and one group
/// may ask for its message while another's lies in front.
class MailboxReader {
 public:
  MailboxReader(Mailbox& mailbox, std::span<const std::byte> memory)
      : mailbox_(mailbox), memory_(memory) {}

  /// Whether a message of `tag` is there. Messages of others are put aside.
  bool has(std::uint64_t tag);
  /// The oldest one of `tag`; has(tag) must be true. Throws Error(kLiveRank) when its length is
  /// another than that of `bytes`.
  void take(std::uint64_t tag, std::span<std::byte> bytes);

 private:
  bool empty() const;
  Mailbox::Envelope front() const;
  void pop();

  Mailbox& mailbox_;
  std::span<const std::byte> memory_;
  std::map<std::uint64_t, std::deque<std::vector<std::byte>>> aside_;
};

}  // namespace stepcast
