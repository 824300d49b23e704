// The network profile of the machine at hand: what its ranks take for collectives and messages over
// its memory.
#pragma once

#include <string>
#include <vector>

#include "sim/base/quantity.h"
#include "tools/cli/collective_live.h"

namespace stepcast::cli {

/// Times every operation at `sizes` between `sweep.ranks` processes, each operation by itself as in
/// a training step, and writes a network profile whose points they are to `file`. One that stands
/// there keeps the points of other numbers of ranks. Returns a table of what was measured. Throws
/// Error: kLiveRank when a rank fails, kIo, kInput when `file` is no network profile.
std::string write_live_network_profile(const LiveSweep& sweep, const std::vector<Bytes>& sizes,
                                       const std::string& file);

}  // namespace stepcast::cli
