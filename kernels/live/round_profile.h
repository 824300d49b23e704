// What ranks timed in one round, as the profiles that a prediction takes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/live/live_records.h"
#include "kernels/live/program_bench.h"
#include "sim/cost/measured_kernels.h"
#include "sim/cost/measured_transfers.h"

namespace stepcast {

struct RoundProfile {
  MeasuredKernels kernels;  ///< means over ranks
  MeasuredTransfers transfers;
  /// By rank: how much longer its own kernels take than the means, and as many times longer as
  /// ranks share its core.
  std::vector<double> slowdown;
};

/// Of one round; what a rank does not know in it has that rank's median over rounds. Nothing when
/// no round knows a piece, which `missing` then names.
std::optional<RoundProfile> round_profile(const Job& job, const std::vector<RankRecords>& ranks,
                                          std::size_t round, std::string& missing);
/// Medians over rounds, of kernels in that state.
std::optional<RoundProfile> median_profile(const Job& job, const std::vector<RankRecords>& ranks,
                                           KernelState state, std::string& missing);

}  // namespace stepcast
