// What a rank is given when it starts, as a process or as a thread: who it is, how to talk to the
// others, and how to be seen by its supervisor.
//
//   int rank_main(RankContext& context) {
//     const auto world = context.world();
//     context.begin_operation("step 0: all_reduce gradients");
//     world->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32);
//     context.keep(std::as_bytes(std::span(losses)));
//     return 0;
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/live/communicator.h"
#include "kernels/live/switchboard.h"

namespace stepcast {

class RankContext {
 public:
  /// `spins`: see Waiter.
  RankContext(const Switchboard& board, int rank, int spins);

  int rank() const { return rank_; }
  int ranks() const { return board_.ranks(); }

  /// All ranks.
  std::unique_ptr<Communicator> world();
  /// Some of them, this one included; member i is rank members[i]. All members give the same list
  /// and the same `group`, a number that no other group of theirs has. Lives no longer than this.
  std::unique_ptr<Communicator> communicator(std::vector<int> members, std::uint32_t group);

  /// A sign of life, and what is shown should this rank fail in it. Costs some ten nanoseconds.
  void begin_operation(std::string_view what) { board_.state(rank_).begin(what); }

  /// Hands bytes to whoever started the ranks, who has them also when a rank dies later: they are
  /// appended to what this rank kept before. Throws Error(kLiveRank) when the room
  /// (SwitchboardSizes::kept_bytes) is used up.
  void keep(std::span<const std::byte> bytes);

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
