// The communicator of ranks that share memory, as processes or threads of one machine.
#pragma once

#include <deque>
#include <vector>

#include "kernels/live/scheduled_communicator.h"
#include "kernels/live/shared_rank_context.h"

namespace stepcast {

class SharedCommunicator final : public ScheduledCommunicator {
 public:
  /// See RankContext::communicator. `context` must outlive this.
  SharedCommunicator(SharedRankContext& context, std::vector<int> members, std::uint32_t group);

  int size() const override { return static_cast<int>(members_.size()); }
  int index() const override { return index_; }
  void send(int to, std::span<const std::byte> bytes) override;
  void receive(int from, std::span<std::byte> bytes) override;
  double waited_seconds() const override { return waiter_.waited_seconds(); }

 private:
  void begin(CollectiveKind kind, std::uint32_t sequence) override;
  /// Members go through the steps in order, and within a step through pieces of all chunks: they
  /// send the i-th pieces, then receive the i-th pieces. Whoever waits takes pieces of the step out
  /// of queues that are full, so nobody waits for a member that is as far or further, and whoever
  /// is furthest behind finds what it waits for: no schedule can deadlock, however short the queues
  /// are.
  void run_step(const MemberPlan::Step& step, ChunkTable& chunks,
                std::span<const std::byte* const> bases, const Arithmetic& arithmetic) override;
  void expect_pieces(const MemberPlan::Step& step, ChunkTable& chunks);
  void send_piece(int to, const ChunkTable::Chunk& chunk, std::size_t begin);
  void receive_piece(std::uint32_t from, const ChunkTable::Chunk& chunk, std::size_t begin,
                     const std::byte* base, const Arithmetic& arithmetic);
  void take_early_pieces();
  void check_piece(int rank, std::uint64_t tag, std::size_t bytes, std::size_t expected) const;
  int rank_of(std::uint32_t member) const { return members_[member]; }

  SharedRankContext& context_;
  const Switchboard& board_;
  std::vector<int> members_;  // ranks
  std::uint32_t group_;
  int index_ = -1;
  Waiter waiter_;
  std::uint64_t tag_ = 0;  // of the collective that runs

  /// A piece that was taken out of its queue before its turn.
  struct EarlyPiece {
    std::uint64_t tag = 0;
    std::vector<std::byte> data;
  };
  /// Of the step that runs, from one member.
  struct Arrivals {
    std::size_t in_queue = 0;  ///< pieces that are, or will be, in the queue
    std::deque<EarlyPiece> early;
  };
  std::vector<Arrivals> arrivals_;  // by member
};

}  // namespace stepcast
