// Proves that a schedule does what its kind says, by following every chunk: for each rank and
// chunk, the set of ranks whose contribution is in it. No clock, no numbers.
#pragma once

#include <string>
#include <vector>

#include "sim/collective/schedule.h"

namespace stepcast {

/// What is wrong: ranks or chunks out of range, steps out of order, two transfers on one lane of a
/// rank in one step, a chunk sent before it was there, a contribution added twice, a rank that ends
/// without what it should have. Empty = proved. At most ten problems are listed.
std::vector<std::string> verify(const CollectiveSchedule& schedule);

}  // namespace stepcast
