// A rank that talks to the others over memory of one machine.
#pragma once

#include "kernels/live/rank_context.h"
#include "kernels/live/switchboard.h"

namespace stepcast {

class SharedRankContext final : public RankContext {
 public:
  /// `spins`: see Waiter. What is kept stays in the switchboard, also when the rank dies later.
  SharedRankContext(const Switchboard& board, int rank, int spins);

  int rank() const override { return rank_; }
  int ranks() const override { return board_.ranks(); }
  std::unique_ptr<Communicator> communicator(std::vector<int> members,
                                             std::uint32_t group) override;
  void begin_operation(std::string_view what) override { board_.state(rank_).begin(what); }
  void keep(std::span<const std::byte> bytes) override;

  // For communicators.
  const Switchboard& board() const { return board_; }
  int spins() const { return spins_; }
  MailboxWriter& mail_to(int rank) { return writers_[static_cast<std::size_t>(rank)]; }
  MailboxReader& mail_from(int rank) { return readers_[static_cast<std::size_t>(rank)]; }

 private:
  const Switchboard& board_;
  int rank_, spins_;
  std::vector<MailboxWriter> writers_;  // by rank
  std::vector<MailboxReader> readers_;
};

}  // namespace stepcast
