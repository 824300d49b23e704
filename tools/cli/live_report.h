// What stepcast live prints: a table for people, and JSON.
#pragma once

#include <optional>
#include <string>

#include "kernels/live/comparison.h"
#include "tools/cli/live_peak.h"

namespace stepcast::cli {

struct LiveRun {
  const Scenario& scenario;
  Job job;
  LiveOutcome outcome;
  std::vector<ComparedMemory> memory;
  std::string device = {};  ///< what it ran on
  LivePeak peak = {};       ///< of that
  std::optional<LiveComparison> comparison = {};
  /// Why a first attempt at a comparison could not be measured; empty: there was only one.
  std::string first_attempt = {};
};

std::string live_table(const LiveRun& run);
/// Keys end in their unit; kernels/live/README.md lists them.
std::string live_json(const LiveRun& run);

}  // namespace stepcast::cli
