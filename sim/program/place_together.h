// Several jobs on the GPUs of one cluster, as one job that the engine can take: its rank g is what
// runs on GPU g.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/program/job.h"

namespace stepcast {

/// A job and where it runs.
struct PlacedJob {
  std::string name;
  const Job* job = nullptr;
  std::vector<Rank> gpus;   ///< by rank of the job; no two jobs have one in common
  std::uint32_t steps = 1;  ///< training steps, one after the other
};

struct JointJob {
  Job job;  ///< its programs are called "NAME, stage 3 of 8"
  /// By program of `job`: which of the placed jobs it comes from. kNone: nothing runs there.
  std::vector<std::uint32_t> owner;
};

/// GPUs 0 .. num_gpus-1. Between two steps of a job the CPU of each of its ranks waits for all of
/// the rank's streams, as a loop does that reads the loss; ranks do not wait for each other.
JointJob place_together(std::span<const PlacedJob> jobs, Rank num_gpus);

}  // namespace stepcast
