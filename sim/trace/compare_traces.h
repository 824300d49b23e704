// Two traces of the same program, held against each other op by op: predicted and measured, or two
// predictions, or two runs.
#pragma once

#include <string>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/trace/trace_file.h"

namespace stepcast {

/// A part of the step in both, mean over the compared ranks.
struct TracedPart {
  std::string name;
  Seconds a, b;

  Seconds off() const { return a - b; }
};

struct TraceComparison {
  std::size_t ranks = 0;  ///< compared: those that both traces show
  std::size_t ops = 0;
  Seconds step_a, step_b;           ///< from the first op to the last
  std::vector<TracedPart> phases;   ///< kernels, by phase
  std::vector<TracedPart> classes;  ///< kernels, by report class
  /// What the compute stream waited for, by what ended last before it went on.
  std::vector<TracedPart> exposed;
  std::vector<TracedPart> worst;  ///< kinds of ops and waits that make most of the difference
};

/// Throws Error(kInput) when the traces share no rank, and when a rank does not do the same ops in
/// the same order: naming the first place where they part.
TraceComparison compare_traces(const TraceFile& a, const TraceFile& b);

/// Both as one Chrome trace, a rank of A above the same rank of B, from a common begin. `names`
/// stand before the ranks'.
std::string side_by_side(const TraceFile& a, const TraceFile& b, const std::string& name_a,
                         const std::string& name_b);

}  // namespace stepcast
