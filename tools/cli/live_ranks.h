// Who runs the ranks of stepcast live: processes that we start on this machine, or those that
// mpirun started, where every process is a rank and rank 0 speaks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/live/gpu_module.h"
#include "kernels/live/live_run.h"
#include "tools/cli/failure.h"

namespace stepcast::cli {

/// Memory of the GPU of each rank.
struct GpuRooms {
  std::vector<GpuRoom> by_rank;
  /// What each rank after the first of a GPU takes of it beside its tensors, where that is not
  /// taken yet.
  Bytes further_context{0};
};

class LiveRanks {
 public:
  virtual ~LiveRanks() = default;

  /// What the ranks kept until rank 0 was lost, and what they computed on.
  using LastWords = std::function<void(const LiveOutcome& outcome, const std::string& device)>;
  /// Before all other members: under mpirun this process goes on as the one that looks after a
  /// rank, and the rank is a child of it. There nothing is returned; here, when the child has
  /// ended, the exit code.
  virtual std::optional<int> look_after(const Job& /*job*/, const LiveOptions& /*options*/,
                                        const LastWords& /*last_words*/) {
    return std::nullopt;
  }
  virtual void computes_on(const std::string& /*device*/) {}

  /// After look_after(). Throws Error(kLiveRank) when ranks that somebody else started were told
  /// different things; `choices` is what there is beside `options`, which needs no platform.
  virtual void check_agreement(const Job& /*job*/, const LiveOptions& /*options*/,
                               const std::string& /*choices*/) {}
  /// At any time but in run(): this process can't go on. Says why, once where all ranks would;
  /// returns the exit code.
  virtual int end(const Failure& failure) { return say(failure); }

  virtual LiveOutcome run(const Job& job, const LiveOptions& options) = 0;
  /// Whether this process prints the outcome and writes files.
  virtual bool speaks() const { return true; }
  virtual bool on_this_machine() const { return true; }
  /// What the process that speaks says, on all of them.
  virtual bool agree(bool said) { return said; }

  /// What each rank of the job sees. Throws Error(kUnsupported) with the reason where there is no
  /// GPU.
  virtual std::vector<GpusInSight> see_gpus(const Job& job) = 0;
  /// After see_gpus().
  virtual GpuRooms gpu_rooms(const GpuPlacement& placement) = 0;
};

/// By the environment, which mpirun and srun set; `local` ignores it. Throws Error(kUnsupported)
/// when they started us and this build has no MPI.
std::unique_ptr<LiveRanks> live_ranks(bool local, double stand_still_s);

}  // namespace stepcast::cli
