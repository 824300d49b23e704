// How much a transfer slows down the kernels beside it: two lanes of a GPU at once, a product or a
// memory-bound kernel in one, and what a collective or a message does to the chip in the other.
// From it come the slowdown parameters of a stack profile (sim/cost/stack_profile.h), which are
// what CostModel::rate_beside_collective() and rate_beside_p2p() take:
//
//   rate of products = 1 - sms taken / SMs,   rate of memory-bound kernels = 1 - share taken
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/gpu_profiler/gpu_stopwatch.h"
#include "sim/cost/stack_profile.h"

namespace stepcast {

struct Neighbour {
  /// Reductions and messages hold SMs, as NCCL's channels do; copies are the driver's, by the copy
  /// engines, which NCCL does not use.
  enum class Kind : std::uint8_t { kReduction, kMessage, kCopy, kCopyToHost, kCopyToPeer };
  Kind kind{};
  int sms = 0;  ///< that a reduction or a message holds

  bool operator==(const Neighbour&) const = default;
};
std::string to_text(const Neighbour& neighbour);

/// Of a kernel's rate alone; 0 where it was not timed.
struct RateBeside {
  double rate = 0;
  double disagreement = 0;  ///< of odd and even rounds, relative
};

struct OverlapFigure {
  Neighbour neighbour;
  RateBeside product{}, memory_bound{};
  double bandwidth = 0;  ///< bytes/s of x that the neighbour got through beside the product
};

struct OverlapRun {
  Kernel product, memory_bound;
  double product_alone = 0, memory_bound_alone = 0;  ///< seconds
  std::vector<OverlapFigure> figures{};
  std::vector<std::string> notes{};
  std::string broken{};  ///< what the GPU said when it stopped working
};

/// What is timed beside kernels, by the SMs that it holds.
struct NeighbourSms {
  std::vector<int> reductions, messages;
};

/// Reductions and messages, copies within the GPU and to the host, and to a peer where there is
/// one. Messages go to a peer where there is one, else they are copied within the GPU, as a
/// receive copies from NCCL's buffer. `budget` and Ctrl-C end it early: neighbours that were not
/// timed have rates of 0. Throws Error(kInfeasible) when operands don't fit into the GPU.
OverlapRun measure_overlap(GpuDevice& device, GpuWatch& watch, const HostTime& time,
                           const NeighbourSms& sms, const TimingOptions& options);

/// Channels of NCCL, an SM each, of a collective and of a send or receive.
struct TransferChannels {
  int collective = 0, message = 0;
};

/// Sets collective_sms and collective_memory_share as reductions with so many channels have them,
/// and p2p_sms as messages have it. Throws Error(kUnsupported) when the run has no figure for them,
/// or one that a stack can't have.
void set_slowdowns(const OverlapRun& run, int num_sms, const TransferChannels& channels,
                   StackProfile& stack);

}  // namespace stepcast
