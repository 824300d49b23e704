// How a rank's life goes on one machine: the part that processes and threads have in common.
#pragma once

#include <string>
#include <vector>

#include "kernels/live/rank_context.h"
#include "kernels/live/switchboard.h"

namespace stepcast {

/// How a rank function ended.
struct RankEnd {
  bool done = false;
  bool by_live_error = false;  ///< it threw Error(kLiveRank), perhaps for another rank's sake
  std::string why = {};        ///< in words, unless done
};

/// Calls it and catches what it throws.
RankEnd call_rank_main(RankContext& context, const RankMain& rank_main);

/// Runs one rank, catches what it throws and leaves in its RankState how it ended.
void run_rank(const Switchboard& board, int rank, int spins, const RankMain& rank_main);

/// Cores that this process may use.
std::vector<int> usable_cores();
/// Keeps the calling thread on one of them: rank r on the r-th, round.
void pin_to_core_of(int rank);
/// Tiny results become zero. On some makers' cores arithmetic with subnormal numbers takes ten to a
/// hundred times as long, and a step's time should not depend on the data.
void flush_subnormals();

}  // namespace stepcast
