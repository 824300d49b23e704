// The communicator of ranks that share memory, as processes or threads of one machine.
#pragma once

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
  /// send the i-th pieces, then receive the i-th pieces. Whoever is furthest behind always finds
  /// what it waits for, so this cannot deadlock however short the queues are.
  void run_step(const MemberPlan::Step& step, ChunkTable& chunks,
                std::span<const std::byte* const> bases, const Arithmetic& arithmetic) override;
  void send_piece(int to, const ChunkTable::Chunk& chunk, std::size_t begin);
  void receive_piece(int from, const ChunkTable::Chunk& chunk, std::size_t begin,
                     const std::byte* base, const Arithmetic& arithmetic);
  void check_piece(int rank, const RingQueue::Piece& piece, std::size_t bytes) const;
  int rank_of(std::uint32_t member) const { return members_[member]; }

  SharedRankContext& context_;
  const Switchboard& board_;
  std::vector<int> members_;  // ranks
  std::uint32_t group_;
  int index_ = -1;
  Waiter waiter_;
  std::uint64_t tag_ = 0;  // of the collective that runs
};

}  // namespace stepcast
