// stepcast profile --overlap: what transfers take from the kernels beside them.
#pragma once

#include <string>

#include "kernels/gpu_profiler/overlap_bench.h"
#include "kernels/profiler/timing.h"
#include "tools/cli/profile_targets.h"

namespace stepcast::cli {

struct OverlapArguments {
  std::string stack;  ///< whose slowdowns are set
  /// Of the transfers whose slowdowns a stack gets. A message over one NIC of 400 Gb/s has four.
  TransferChannels channels{.collective = 16, .message = 4};
};

struct OverlapOutput {
  std::string output;  ///< a stack file; empty: none
  bool json = false;
};

/// Prints the rates, and the slowdowns of a stack for so many channels; writes the stack with them.
int measure_overlap_command(const OverlapArguments& arguments, const GpuChoice& choice,
                            const OverlapOutput& output, const TimingOptions& options);

}  // namespace stepcast::cli
