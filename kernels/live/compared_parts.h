// Where a step's time goes, as predicted and as measured: kernels by phase and class, communication
// and waiting by group, the pipeline bubble, and the kinds of ops that miss most.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/live/live_records.h"
#include "sim/cost/measured_transfers.h"
#include "sim/engine/simulate.h"

namespace stepcast {

/// A part of the step, mean over ranks.
struct ComparedPart {
  std::string name;
  Seconds predicted, measured;

  Seconds off() const { return predicted - measured; }
  double error() const { return predicted / measured - 1; }
};

struct ComparedParts {
  std::vector<ComparedPart> phases;   ///< kernels, by phase
  std::vector<ComparedPart> classes;  ///< kernels, by class
  std::vector<ComparedPart> exposed;  ///< communication and the waiting for it, by group
  std::vector<ComparedPart> worst;    ///< kinds of ops that miss most of the step, worst first
  /// Where the plan has a pipeline: see compare_bubble().
  std::optional<ComparedPart> bubble;
};

/// A timed step of a comparison in which all ranks had their cores.
struct CleanStep {
  std::size_t step = 0;   ///< index into RankRecords::steps
  std::size_t timed = 0;  ///< index into RankRecords::op_times
};

/// `simulation` of the job, with spans; at least one clean step. Measured parts are medians over
/// clean steps, but means where ranks share a core: there most ops are over before another rank has
/// its turn, and some last a whole turn longer.
ComparedParts compare_parts(const Job& job, const Simulation& simulation,
                            const std::vector<RankRecords>& ranks,
                            const std::vector<CleanStep>& steps,
                            const MeasuredTransfers& transfers);

/// How long a rank stands still because of other stages, mean over ranks; nothing without a
/// pipeline. It waits for messages and in collectives between stages, beyond the time that they
/// take by themselves (`transfers`), and at the end for the last rank. With equal stages, p of
/// them, and m microbatches without communication: (p - 1) / (m + p - 1) of the step, both for
/// GPipe and 1F1B [Narayanan et al. 2021, section 2.2, there relative to the ideal step].
std::optional<ComparedPart> compare_bubble(const Job& job, const Simulation& simulation,
                                           const std::vector<RankRecords>& ranks,
                                           const std::vector<CleanStep>& steps,
                                           const MeasuredTransfers& transfers);

}  // namespace stepcast
