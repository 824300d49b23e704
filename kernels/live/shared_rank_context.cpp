#include "kernels/live/shared_rank_context.h"

#include <cstring>
#include <string>

#include "kernels/live/shared_communicator.h"
#include "sim/base/error.h"

namespace stepcast {

SharedRankContext::SharedRankContext(const Switchboard& board, int rank, int spins)
    : board_(board), rank_(rank), spins_(spins) {
  for (int other = 0; other < board.ranks(); ++other) {
    writers_.emplace_back(board.mailbox(rank, other), board.mailbox_memory(rank, other));
    readers_.emplace_back(board.mailbox(other, rank), board.mailbox_memory(other, rank));
  }
}

std::unique_ptr<Communicator> SharedRankContext::communicator(std::vector<int> members,
                                                              std::uint32_t group) {
  return std::make_unique<SharedCommunicator>(*this, std::move(members), group);
}

void SharedRankContext::keep(std::span<const std::byte> bytes) {
  RankState& state = board_.state(rank_);
  const std::size_t used = state.kept_bytes.load(std::memory_order_relaxed);
  const std::span<std::byte> room = board_.room_to_keep(rank_).subspan(used);
  if (bytes.size() > room.size())
    throw Error(ErrorKind::kLiveRank, "rank " + std::to_string(rank_) + " keeps more than the " +
                                          std::to_string(used + room.size()) +
                                          " bytes of room that it was given");
  if (!bytes.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
  state.kept_bytes.store(used + bytes.size(), std::memory_order_release);
}

}  // namespace stepcast
