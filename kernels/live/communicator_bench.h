// Measures communicators as nccl-tests does, by its definitions of size and bandwidth: what the
// network profile of a machine rests on where ranks talk over its memory.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/live/communicator.h"
#include "sim/base/quantity.h"
#include "sim/engine/collective_bench.h"

namespace stepcast {

struct CommunicatorBenchSettings {
  BenchOp op = BenchOp::kAllReduce;
  /// The buffer of a rank, for all_gather and reduce_scatter the concatenated one. Rounded down to
  /// whole fp32 per part; what becomes 0 is left out.
  std::vector<Bytes> sizes;
  bool in_place = false;
  /// Every size has one sample per round, so a slow spell of the machine touches all sizes alike.
  int rounds = 20;
  /// Operations in a row per sample, after a barrier. nccl-tests does 20; one is what a training
  /// step does.
  int iterations = 20;
};

/// One size. A sample is the time of an operation on the rank that took longest.
struct CommunicatorTiming {
  BenchOp op{};
  int ranks = 0;
  Bytes size;
  Seconds median, q10, q90;
  std::int64_t wrong = 0;  ///< elements, of all ranks, that are not what they should be
};

/// To be called by all members; returns the same on all of them. Throws what the communicator
/// throws.
std::vector<CommunicatorTiming> bench_communicator(Communicator& communicator,
                                                   const CommunicatorBenchSettings& settings);

/// The same between `ranks` new processes of this machine (ProcessGroup), one run after the other.
std::vector<std::vector<CommunicatorTiming>> bench_processes(
    int ranks, const std::vector<CommunicatorBenchSettings>& runs);

}  // namespace stepcast
