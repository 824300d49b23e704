#include "kernels/live/mailbox.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr std::size_t kAlignment = 64;

/// Also an empty message has a place of its own.
std::size_t room_for(std::size_t bytes) {
  return std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

void check_length(std::size_t sent, std::size_t expected) {
  if (sent != expected)
    throw Error(ErrorKind::kLiveRank, "a message of " + std::to_string(sent) +
                                          " bytes came where one of " + std::to_string(expected) +
                                          " is expected");
}

}  // namespace

void MailboxWriter::forget_taken() {
  const std::uint32_t taken = mailbox_.taken.load(std::memory_order_acquire);
  for (; forgotten_ != taken; ++forgotten_) under_way_.pop_front();
}

/// The lowest gap that is long enough, so that no more pages are touched than needed.
std::size_t MailboxWriter::find_room(std::size_t bytes) const {
  std::vector<Stretch> used(under_way_.begin(), under_way_.end());
  std::sort(used.begin(), used.end(),
            [](const Stretch& a, const Stretch& b) { return a.offset < b.offset; });
  std::size_t offset = 0;
  for (const Stretch& stretch : used) {
    if (stretch.offset - offset >= bytes) break;
    offset = stretch.offset + stretch.bytes;
  }
  if (offset + bytes > memory_.size() || under_way_.size() == Mailbox::kMessages)
    throw Error(ErrorKind::kLiveRank,
                "the receiver has not taken " + std::to_string(under_way_.size()) +
                    " messages yet, and one of " + std::to_string(bytes) +
                    " bytes more finds no room in a mailbox of " + std::to_string(memory_.size()) +
                    " bytes and " + std::to_string(Mailbox::kMessages) + " messages");
  return offset;
}

void MailboxWriter::send(std::uint64_t tag, std::span<const std::byte> bytes) {
  forget_taken();
  const Stretch stretch{.offset = find_room(room_for(bytes.size())),
                        .bytes = room_for(bytes.size())};
  if (!bytes.empty()) std::memcpy(memory_.data() + stretch.offset, bytes.data(), bytes.size());
  const std::uint32_t at = mailbox_.sent.load(std::memory_order_relaxed);
  mailbox_.envelopes[at % Mailbox::kMessages] = {
      .tag = tag, .offset = stretch.offset, .bytes = bytes.size()};
  under_way_.push_back(stretch);
  mailbox_.sent.store(at + 1, std::memory_order_release);
}

bool MailboxReader::empty() const {
  return mailbox_.sent.load(std::memory_order_acquire) ==
         mailbox_.taken.load(std::memory_order_relaxed);
}

Mailbox::Envelope MailboxReader::front() const {
  return mailbox_.envelopes[mailbox_.taken.load(std::memory_order_relaxed) % Mailbox::kMessages];
}

void MailboxReader::pop() {
  mailbox_.taken.store(mailbox_.taken.load(std::memory_order_relaxed) + 1,
                       std::memory_order_release);
}

bool MailboxReader::has(std::uint64_t tag) {
  const auto found = aside_.find(tag);
  if (found != aside_.end() && !found->second.empty()) return true;
  for (; !empty(); pop()) {
    const Mailbox::Envelope envelope = front();
    if (envelope.tag == tag) return true;
    const auto message = memory_.subspan(envelope.offset, envelope.bytes);
    aside_[envelope.tag].emplace_back(message.begin(), message.end());
  }
  return false;
}

void MailboxReader::take(std::uint64_t tag, std::span<std::byte> bytes) {
  const auto found = aside_.find(tag);
  if (found != aside_.end() && !found->second.empty()) {
    check_length(found->second.front().size(), bytes.size());
    std::copy(found->second.front().begin(), found->second.front().end(), bytes.begin());
    found->second.pop_front();
    return;
  }
  const Mailbox::Envelope envelope = front();
  STEPCAST_CHECK(envelope.tag == tag, "take() without has()");
  check_length(envelope.bytes, bytes.size());
  if (!bytes.empty()) std::memcpy(bytes.data(), memory_.data() + envelope.offset, bytes.size());
  pop();
}

}  // namespace stepcast
