#include "kernels/live/shared_communicator.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "sim/base/error.h"
#include "sim/collective/algorithms.h"

namespace stepcast {
namespace {

constexpr std::size_t kPieceBytes = RingQueue::kPieceBytes;

/// Up to here latency counts, and trees have less of it.
constexpr std::size_t kSmallBytes = 4 << 10;
/// Pieces of a buffer that follow each other along a ring.
constexpr std::uint32_t kPipelineChunks = 8;

CollectiveSchedule schedule_for(CollectiveKind kind, std::uint32_t ranks, bool small) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return small && ranks > 3 ? double_tree_all_reduce(ranks, 1) : ring_all_reduce(ranks);
    case CollectiveKind::kAllGather:
      return ring_all_gather(ranks);
    case CollectiveKind::kReduceScatter:
      return ring_reduce_scatter(ranks);
    case CollectiveKind::kBroadcast:
      return ring_broadcast(ranks, small ? 1 : kPipelineChunks);
    case CollectiveKind::kReduce:
      return ring_reduce(ranks, small ? 1 : kPipelineChunks);
    case CollectiveKind::kAllToAll:
      return pairwise_all_to_all(ranks);
  }
  STEPCAST_CHECK(false, "a collective without an algorithm");
}

void check_sizes(CollectiveKind kind, std::size_t from, std::size_t to, std::size_t members,
                 std::size_t element_bytes) {
  bool fits = from == to;
  std::size_t unit = element_bytes;
  if (kind == CollectiveKind::kAllGather) fits = to == members * from;
  if (kind == CollectiveKind::kReduceScatter) fits = from == members * to;
  if (kind == CollectiveKind::kAllToAll) unit = members * element_bytes;
  STEPCAST_CHECK(fits && from % unit == 0 && to % unit == 0,
                 std::string(name_of(kind)) + " between " + std::to_string(members) +
                     " members from " + std::to_string(from) + " bytes to " + std::to_string(to));
}

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

SharedCommunicator::SharedCommunicator(RankContext& context, std::vector<int> members,
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
}

const MemberPlan& SharedCommunicator::plan_for(CollectiveKind kind, std::size_t bytes) {
  const bool small = bytes <= kSmallBytes;
  std::optional<MemberPlan>& plan = plans_[static_cast<std::size_t>(kind)][small ? 0 : 1];
  if (!plan)
    plan = plan_of(schedule_for(kind, static_cast<std::uint32_t>(size()), small),
                   static_cast<std::uint32_t>(index_));
  return *plan;
}

void SharedCommunicator::run(CollectiveKind kind, std::span<const std::byte> from,
                             std::span<std::byte> to, Element element, ReduceOp reduce) {
  run_plan(plan_for(kind, std::max(from.size(), to.size())), from, to, element, reduce);
}

void SharedCommunicator::run_plan(const MemberPlan& plan, std::span<const std::byte> from,
                                  std::span<std::byte> to, Element element, ReduceOp reduce) {
  check_sizes(plan.kind, from.size(), to.size(), members_.size(), size_of(element));
  STEPCAST_CHECK(plan.members == members_.size() && plan.member == std::uint32_t(index_),
                 "the plan of another member");
  tag_ = make_tag(group_, sequence_++, plan.kind);
  chunks_.set(plan, from, to, size_of(element));
  for (const MemberPlan::Step& step : plan.steps) run_step(step, {element, reduce});
  chunks_.finish();
  board_.state(context_.rank()).beat();
}

void SharedCommunicator::run_step(const MemberPlan::Step& step, const Arithmetic& arithmetic) {
  std::size_t longest = 0;
  for (const MemberPlan::Move& move : step.sends)
    longest = std::max(longest, chunks_[move.chunk].bytes);
  bases_.clear();
  for (std::size_t i = 0; i < step.receives.size(); ++i) {
    const MemberPlan::Move& move = step.receives[i];
    const ChunkTable::Chunk& chunk = chunks_[move.chunk];
    longest = std::max(longest, chunk.bytes);
    // What comes in second in this step is combined with what came in first.
    const bool again =
        std::any_of(step.receives.begin(), step.receives.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const MemberPlan::Move& other) { return other.chunk == move.chunk; });
    bases_.push_back(again ? chunk.target : chunk.now);
  }
  for (std::size_t begin = 0; begin < longest; begin += kPieceBytes) {
    for (const MemberPlan::Move& move : step.sends) send_piece(move, begin);
    for (std::size_t i = 0; i < step.receives.size(); ++i)
      receive_piece(step.receives[i], bases_[i], begin, arithmetic);
  }
  for (const MemberPlan::Move& move : step.receives)
    chunks_[move.chunk].now = chunks_[move.chunk].target;
}

void SharedCommunicator::send_piece(const MemberPlan::Move& move, std::size_t begin) {
  const ChunkTable::Chunk& chunk = chunks_[move.chunk];
  if (begin >= chunk.bytes) return;
  const int to = rank_of(move.peer);
  RingQueue& queue = board_.queue(context_.rank(), to);
  waiter_.until(to, [&] { return !queue.full(); });
  RingQueue::Piece& piece = queue.back();
  piece.tag = tag_;
  piece.bytes = static_cast<std::uint32_t>(std::min(kPieceBytes, chunk.bytes - begin));
  std::memcpy(piece.data, chunk.now + begin, piece.bytes);
  queue.push();
  board_.state(to).doorbell.ring();
}

void SharedCommunicator::receive_piece(const MemberPlan::Move& move, const std::byte* base,
                                       std::size_t begin, const Arithmetic& arithmetic) {
  const ChunkTable::Chunk& chunk = chunks_[move.chunk];
  if (begin >= chunk.bytes) return;
  const int from = rank_of(move.peer);
  RingQueue& queue = board_.queue(from, context_.rank());
  waiter_.until(from, [&] { return !queue.empty(); });
  const RingQueue::Piece& piece = queue.front();
  check_piece(from, piece, std::min(kPieceBytes, chunk.bytes - begin));
  if (move.reduce) {
    combine(arithmetic.element, arithmetic.reduce, base + begin, piece.data, chunk.target + begin,
            piece.bytes / size_of(arithmetic.element));
  } else {
    std::memcpy(chunk.target + begin, piece.data, piece.bytes);
  }
  queue.pop();
  board_.state(from).doorbell.ring();
}

void SharedCommunicator::check_piece(int rank, const RingQueue::Piece& piece,
                                     std::size_t bytes) const {
  if (piece.tag == tag_ && piece.bytes == bytes) return;
  throw Error(ErrorKind::kLiveRank,
              "rank " + std::to_string(context_.rank()) + " is in " + text_of_tag(tag_) +
                  " and expects " + std::to_string(bytes) + " bytes; rank " + std::to_string(rank) +
                  " sent " + std::to_string(piece.bytes) + " of " + text_of_tag(piece.tag));
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
