// Holds the prediction of a step against a live run of it.
//
// The run timed pieces and steps in turn (LiveOptions::rounds), so both saw the same machine: the
// pieces of a round are the measured points of a device and a network profile, the simulator
// predicts the step from them, and the error is taken round by round. A step counts when no rank
// lost its core.
#pragma once

#include <string>
#include <vector>

#include "kernels/live/compared_parts.h"
#include "kernels/live/live_run.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

struct ComparedMemory {
  std::string name;  ///< "rank 0, stage 0 of 2"
  Bytes predicted, measured;
};

struct LiveComparison {
  /// Why nothing can be said; then the times are zero and the parts empty.
  std::string not_measurable;
  /// Of a comparison that is not measurable: other programs were in the way, which may be gone the
  /// next time.
  bool worth_another_try = false;
  std::size_t rounds = 0, rounds_used = 0;
  std::size_t steps = 0, disturbed = 0;  ///< timed ones
  std::int32_t ranks_per_core = 1;       ///< at the most
  Seconds predicted, measured;           ///< medians over rounds
  /// The prediction if every kernel found its operands in the caches, and if none found any.
  Seconds predicted_warm, predicted_cold;
  Seconds measured_q10, measured_q90;  ///< of all clean steps
  double error = 0;                    ///< median over rounds of predicted / measured - 1
  ComparedParts parts;
  /// When each op ran, as predicted from the medians over rounds and in the clean step whose time
  /// is nearest to their median.
  Trace predicted_trace, measured_trace;
};

/// Steps of a round in which all ranks had their cores; of a run in which ranks share cores, all.
bool is_clean(const std::vector<RankRecords>& ranks, std::size_t step);
/// How long a step took: the longest of its ranks.
Seconds step_time(const std::vector<RankRecords>& ranks, std::size_t step);

/// Throws Error(kUnsupported) for a stack whose kernels are not those that live runs execute.
void check_comparable(const Scenario& scenario);

/// `outcome` is of a run of `job`, the programs of `scenario`. Throws as check_comparable() does,
/// and as simulate().
LiveComparison compare(const Scenario& scenario, const Job& job, const LiveOutcome& outcome);

/// Peaks of ranks that got to the end, against the memory walk.
std::vector<ComparedMemory> compare_memory(const Job& job, const LiveOutcome& outcome);

}  // namespace stepcast
