// stepcast live under mpirun: every process is a rank, and rank 0 speaks.
#pragma once

#include <memory>

#include "kernels/live/live_run.h"

namespace stepcast::cli {

/// The ranks of a live run: processes that we start on this machine, or those that mpirun started.
class LiveRanks {
 public:
  virtual ~LiveRanks() = default;
  virtual LiveOutcome run(const Job& job, const LiveOptions& options) = 0;
  /// Whether this process prints the outcome and writes files.
  virtual bool speaks() const { return true; }
  virtual bool on_this_machine() const { return true; }
  /// What the process that speaks says, on all of them.
  virtual bool agree(bool said) { return said; }
};

/// By the environment, which mpirun and srun set; `local` ignores it. Throws Error(kUnsupported)
/// when they started us and this build has no MPI.
std::unique_ptr<LiveRanks> live_ranks(bool local, double stand_still_s);

}  // namespace stepcast::cli
