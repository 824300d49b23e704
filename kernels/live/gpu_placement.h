// Which GPU each rank of a job computes on: ranks of one machine, or of several under mpirun.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/live/core_share.h"

namespace stepcast {

/// A GPU as the driver lists it, without its memory.
struct GpuName {
  std::string name;    ///< "NVIDIA H200"
  std::string bus_id;  ///< "0000:18:00.0"; one of a node has it, by whatever number
  int num_sms = 0;
};

/// What a rank has before it where it runs. Launchers may show each rank other GPUs of its node.
struct GpusInSight {
  std::string host;           ///< for the user
  int node = 0;               ///< the same on all ranks that share a node's memory
  std::string versions;       ///< of driver, CUDA and NCCL
  std::vector<GpuName> gpus;  ///< by number; not empty
};

class GpuPlacement {
 public:
  /// In the order of ranks each takes, of the GPUs that it sees, the one that the fewest before it
  /// have taken; the first of several. So ranks that see all GPUs of their node go round, and one
  /// that a launcher shows a single GPU takes that.
  explicit GpuPlacement(std::span<const GpusInSight> by_rank);
  /// Ranks of one node, all of which see its `gpus`: rank r on GPU r, round.
  GpuPlacement(int ranks, int gpus);

  int ranks() const { return static_cast<int>(number_.size()); }
  /// GPUs that ranks compute on.
  int gpus() const { return gpus_; }
  /// As the rank's process counts GPUs.
  int number(int rank) const { return number_[static_cast<std::size_t>(rank)]; }
  /// Ranks on the GPU of `rank`, itself included, in order.
  std::vector<int> together(int rank) const;
  /// Who takes turns on a GPU.
  CoreShare share(int rank) const;
  bool each_has_its_own() const { return gpus_ == ranks(); }

 private:
  std::vector<int> number_, gpu_;  ///< by rank; the second: of all nodes, equal where it is shared
  int gpus_ = 0;
};

/// Ranks under mpirun compute on one kind of GPU with the same software. Throws Error(kUnsupported)
/// for GPUs of other names, and Error(kLiveRank) for other versions, each with ranks and hosts.
void check_alike(std::span<const GpusInSight> by_rank, const GpuPlacement& placement);

}  // namespace stepcast
