// What all ranks run, and how it ends: the part that ranks have in common whether they are
// processes or threads.
#pragma once

#include <functional>

#include "kernels/live/rank_context.h"

namespace stepcast {

/// Runs on every rank; other than 0 is a failure. What it throws is one, too.
using RankMain = std::function<int(RankContext&)>;

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
