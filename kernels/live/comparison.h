// Holds the prediction of a step against a live run of it.
//
// The run timed pieces and steps in turn (LiveOptions::rounds), so both saw the same machine: the
// pieces of a round are the measured points of a device and a network profile, the simulator
// predicts the step from them, and the error is taken round by round. A step counts when no rank
// lost its core.
#pragma once

#include <string>
#include <vector>

#include "kernels/live/live_run.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

/// A part of the step, mean over ranks.
struct ComparedPart {
  std::string name;
  Seconds predicted, measured;

  Seconds off() const { return predicted - measured; }
  double error() const { return predicted / measured - 1; }
};

struct ComparedMemory {
  std::string name;  ///< "rank 0, stage 0 of 2"
  Bytes predicted, measured;
};

struct LiveComparison {
  /// Why nothing can be said now; then the times are zero and `parts` empty.
  std::string not_measurable;
  std::size_t rounds = 0, rounds_used = 0;
  std::size_t steps = 0, disturbed = 0;  ///< timed ones
  Seconds predicted, measured;           ///< medians over rounds
  Seconds measured_q10, measured_q90;    ///< of all clean steps
  double error = 0;                      ///< median over rounds of predicted / measured - 1
  std::vector<ComparedPart> phases;      ///< kernels, by phase
  std::vector<ComparedPart> classes;     ///< kernels, by class
  std::vector<ComparedPart> exposed;     ///< communication and the waiting for it, by group
  std::vector<ComparedPart> worst;       ///< kinds of ops that miss most of the step, worst first
  std::vector<ComparedMemory> memory;    ///< by rank; not of a run that ended early
};

/// Steps of a round in which all ranks had their cores; of a run in which ranks share cores, all.
bool is_clean(const std::vector<RankRecords>& ranks, std::size_t step);
/// How long a step took: the longest of its ranks.
Seconds step_time(const std::vector<RankRecords>& ranks, std::size_t step);

/// `outcome` is of a run of `job`, the programs of `scenario`. Throws Error(kUnsupported) for a
/// stack whose kernels are not those that live runs execute.
LiveComparison compare(const Scenario& scenario, const Job& job, const LiveOutcome& outcome);

/// Peaks of ranks that got to the end, against the memory walk.
std::vector<ComparedMemory> compare_memory(const Job& job, const LiveOutcome& outcome);

}  // namespace stepcast
