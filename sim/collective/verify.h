// Proves that a schedule does what its kind says, by following every chunk: for each participant
// and chunk, the set of ranks whose contribution is in it. No clock, no numbers.
#pragma once

#include <string>
#include <vector>

#include "sim/collective/schedule.h"

namespace stepcast {

/// What is wrong: ranks or chunks out of range, steps out of order, a lane with two receivers or
/// one chunk twice in one step, a chunk overwritten twice in one step, a chunk sent before it was
/// there, a contribution added twice, a rank that ends without what it should have. Empty = proved.
/// At most ten problems are listed.
std::vector<std::string> verify(const CollectiveSchedule& schedule);

}  // namespace stepcast
