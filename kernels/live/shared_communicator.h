// The communicator of ranks that share memory, as processes or threads of one machine. Collectives
// are the schedules of sim/collective, run on real numbers; large ones by rings, all-reduces of few
// bytes between many ranks by trees.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "kernels/live/chunk_table.h"
#include "kernels/live/communicator.h"
#include "kernels/live/rank_context.h"
#include "kernels/live/schedule_plan.h"

namespace stepcast {

class SharedCommunicator final : public Communicator {
 public:
  /// See RankContext::communicator. `context` must outlive this.
  SharedCommunicator(RankContext& context, std::vector<int> members, std::uint32_t group);

  int size() const override { return static_cast<int>(members_.size()); }
  int index() const override { return index_; }
  void run(CollectiveKind kind, std::span<const std::byte> from, std::span<std::byte> to,
           Element element, ReduceOp reduce = ReduceOp::kSum) override;
  void send(int to, std::span<const std::byte> bytes) override;
  void receive(int from, std::span<std::byte> bytes) override;
  double waited_seconds() const override { return waiter_.waited_seconds(); }

  /// As run(), by a plan of the caller's: plan_of() of a proved schedule for size() ranks, on every
  /// member.
  ///
  /// Members go through the steps in order, and within a step through pieces of all chunks: they
  /// send the i-th pieces, then receive the i-th pieces. Whoever is furthest behind always finds
  /// what it waits for, so this cannot deadlock however short the queues are.
  void run_plan(const MemberPlan& plan, std::span<const std::byte> from, std::span<std::byte> to,
                Element element, ReduceOp reduce = ReduceOp::kSum);

 private:
  /// What one collective does to a piece.
  struct Arithmetic {
    Element element;
    ReduceOp reduce;
  };
  const MemberPlan& plan_for(CollectiveKind kind, std::size_t bytes);
  void run_step(const MemberPlan::Step& step, const Arithmetic& arithmetic);
  void send_piece(const MemberPlan::Move& move, std::size_t begin);
  void receive_piece(const MemberPlan::Move& move, const std::byte* base, std::size_t begin,
                     const Arithmetic& arithmetic);
  void check_piece(int rank, const RingQueue::Piece& piece, std::size_t bytes) const;
  int rank_of(std::uint32_t member) const { return members_[member]; }

  RankContext& context_;
  const Switchboard& board_;
  std::vector<int> members_;  // ranks
  std::uint32_t group_;
  int index_ = -1;
  Waiter waiter_;
  std::uint64_t tag_ = 0;       // of the collective that runs
  std::uint32_t sequence_ = 0;  // collectives of this group so far
  ChunkTable chunks_;
  std::vector<const std::byte*> bases_;                            // scratch of run_step
  std::array<std::array<std::optional<MemberPlan>, 2>, 6> plans_;  // by kind; small, large
};

}  // namespace stepcast
