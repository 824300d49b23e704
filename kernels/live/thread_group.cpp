#include "kernels/live/thread_group.h"

#include <string>
#include <thread>
#include <vector>

#include "sim/base/error.h"

namespace stepcast {

void ThreadGroup::run(const RankMain& rank_main) {
  const int spins = spins_for(board_.ranks(), static_cast<int>(usable_cores().size()));
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < board_.ranks(); ++rank)
      threads.emplace_back([&, rank] {
        flush_subnormals();
        run_rank(board_, rank, spins, rank_main);
        if (board_.state(rank).farewell != RankState::Farewell::kDone) board_.abort();
      });
  }
  for (int rank = 0; rank < board_.ranks(); ++rank) {
    const RankState& state = board_.state(rank);
    if (state.farewell == RankState::Farewell::kFailed)
      throw Error(ErrorKind::kLiveRank, "rank " + std::to_string(rank) + " failed in \"" +
                                            state.last_operation() + "\": " + state.why());
  }
}

}  // namespace stepcast
