#include "kernels/live/rank_context.h"

#include <numeric>

namespace stepcast {

std::unique_ptr<Communicator> RankContext::world() {
  constexpr std::uint32_t kWorld = 0xffffffff;
  std::vector<int> members(static_cast<std::size_t>(ranks()));
  std::iota(members.begin(), members.end(), 0);
  return communicator(std::move(members), kWorld);
}

}  // namespace stepcast
