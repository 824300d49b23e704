#include "kernels/live/shared_communicator.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr std::size_t kPieceBytes = RingQueue::kPieceBytes;

/// Group, collective and kind in one number, to find members that are in different operations.
std::uint64_t make_tag(std::uint32_t group, std::uint32_t sequence, CollectiveKind kind) {
  return std::uint64_t{group} << 32 | (sequence & 0xffffffu) << 8 |
         static_cast<std::uint32_t>(kind);
}

std::string text_of_tag(std::uint64_t tag) {
  return std::string(name_of(static_cast<CollectiveKind>(tag & 0xffu))) + " number " +
         std::to_string(tag >> 8 & 0xffffffu) + " of group " + std::to_string(tag >> 32);
}

}  // namespace

SharedCommunicator::SharedCommunicator(SharedRankContext& context, std::vector<int> members,
                                       std::uint32_t group)
    : context_(context),
      board_(context.board()),
      members_(std::move(members)),
      group_(group),
      waiter_(board_.abort_word(), board_.state(context.rank()).doorbell, context.spins()) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    STEPCAST_CHECK(members_[i] >= 0 && members_[i] < context.ranks(), "a member that does not run");
    if (members_[i] == context.rank()) index_ = static_cast<int>(i);
  }
  STEPCAST_CHECK(index_ >= 0, "a communicator without the rank that makes it");
  arrivals_.resize(members_.size());
}

void SharedCommunicator::begin(CollectiveKind kind, std::uint32_t sequence) {
  tag_ = make_tag(group_, sequence, kind);
  board_.state(context_.rank()).beat();
}

void SharedCommunicator::run_step(const MemberPlan::Step& step, ChunkTable& chunks,
                                  std::span<const std::byte* const> bases,
                                  const Arithmetic& arithmetic) {
  expect_pieces(step, chunks);
  std::size_t longest = 0;
  for (const auto* moves : {&step.sends, &step.receives})
    for (const MemberPlan::Move& move : *moves)
      longest = std::max(longest, chunks[move.chunk].bytes);
  for (std::size_t begin = 0; begin < longest; begin += kPieceBytes) {
    for (const MemberPlan::Move& move : step.sends)
      send_piece(rank_of(move.peer), chunks[move.chunk], begin);
    for (std::size_t i = 0; i < step.receives.size(); ++i) {
      const MemberPlan::Move& move = step.receives[i];
      receive_piece(move.peer, chunks[move.chunk], begin, move.reduce ? bases[i] : nullptr,
                    arithmetic);
    }
  }
}

void SharedCommunicator::expect_pieces(const MemberPlan::Step& step, ChunkTable& chunks) {
  for (const MemberPlan::Move& move : step.receives)
    arrivals_[move.peer].in_queue += (chunks[move.chunk].bytes + kPieceBytes - 1) / kPieceBytes;
}

void SharedCommunicator::send_piece(int to, const ChunkTable::Chunk& chunk, std::size_t begin) {
  if (begin >= chunk.bytes) return;
  RingQueue& queue = board_.queue(context_.rank(), to);
  waiter_.until(to, [&] {
    if (queue.full()) take_early_pieces();
    return !queue.full();
  });
  RingQueue::Piece& piece = queue.back();
  piece.tag = tag_;
  piece.bytes = static_cast<std::uint32_t>(std::min(kPieceBytes, chunk.bytes - begin));
  std::memcpy(piece.data, chunk.now + begin, piece.bytes);
  queue.push();
  board_.state(to).doorbell.ring();
}

/// Out of queues that hold up another member; their turn comes later.
void SharedCommunicator::take_early_pieces() {
  for (std::size_t member = 0; member < arrivals_.size(); ++member) {
    Arrivals& arrivals = arrivals_[member];
    if (arrivals.in_queue == 0) continue;
    RingQueue& queue = board_.queue(members_[member], context_.rank());
    if (!queue.holds_up_writer()) continue;
    const RingQueue::Piece& piece = queue.front();
    arrivals.early.push_back({.tag = piece.tag, .data = {piece.data, piece.data + piece.bytes}});
    --arrivals.in_queue;
    queue.pop();
    board_.state(members_[member]).doorbell.ring();
  }
}

/// `base` is what the piece is combined with; null: it is taken as it is.
void SharedCommunicator::receive_piece(std::uint32_t from, const ChunkTable::Chunk& chunk,
                                       std::size_t begin, const std::byte* base,
                                       const Arithmetic& arithmetic) {
  if (begin >= chunk.bytes) return;
  const int rank = rank_of(from);
  Arrivals& arrivals = arrivals_[from];
  RingQueue& queue = board_.queue(rank, context_.rank());
  const auto take = [&](std::uint64_t tag, const std::byte* data, std::size_t bytes) {
    check_piece(rank, tag, bytes, std::min(kPieceBytes, chunk.bytes - begin));
    if (base != nullptr)
      combine(arithmetic.element, arithmetic.reduce, base + begin, data, chunk.target + begin,
              bytes / size_of(arithmetic.element));
    else
      std::memcpy(chunk.target + begin, data, bytes);
  };
  waiter_.until(rank, [&] {
    if (arrivals.early.empty() && queue.empty()) take_early_pieces();
    return !arrivals.early.empty() || !queue.empty();
  });
  if (!arrivals.early.empty()) {
    const EarlyPiece& piece = arrivals.early.front();
    take(piece.tag, piece.data.data(), piece.data.size());
    return arrivals.early.pop_front();
  }
  const RingQueue::Piece& piece = queue.front();
  take(piece.tag, piece.data, piece.bytes);
  --arrivals.in_queue;
  queue.pop();
  board_.state(rank).doorbell.ring();
}

void SharedCommunicator::check_piece(int rank, std::uint64_t tag, std::size_t bytes,
                                     std::size_t expected) const {
  if (tag == tag_ && bytes == expected) return;
  throw Error(ErrorKind::kLiveRank, "rank " + std::to_string(context_.rank()) + " is in " +
                                        text_of_tag(tag_) + " and expects " +
                                        std::to_string(expected) + " bytes; rank " +
                                        std::to_string(rank) + " sent " + std::to_string(bytes) +
                                        " of " + text_of_tag(tag));
}

void SharedCommunicator::send(int to, std::span<const std::byte> bytes) {
  const int rank = rank_of(static_cast<std::uint32_t>(to));
  context_.mail_to(rank).send(group_, bytes);
  board_.state(rank).doorbell.ring();
}

void SharedCommunicator::receive(int from, std::span<std::byte> bytes) {
  const int rank = rank_of(static_cast<std::uint32_t>(from));
  MailboxReader& mail = context_.mail_from(rank);
  waiter_.until(rank, [&] { return mail.has(group_); });
  mail.take(group_, bytes);
  board_.state(context_.rank()).beat();
}

}  // namespace stepcast
