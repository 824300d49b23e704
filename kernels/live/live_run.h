// Trains a job for real: a process per rank on this machine, each with an executor.
//
//   const CountingTask task(256, seed);
//   const CpuPlatform cores(cpu_launchers());
//   const LiveOutcome outcome =
//       run_live(job, {.platform = &cores, .batches = &task, .steps = 20});
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/live/batch_source.h"
#include "kernels/live/live_platform.h"
#include "kernels/live/live_records.h"
#include "kernels/live/rank_context.h"
#include "sim/base/error.h"
#include "sim/program/job.h"

namespace stepcast {

struct LiveOptions {
  const LivePlatform* platform = nullptr;  ///< never null
  const BatchSource* batches = nullptr;    ///< never null
  AdamSettings adam = {};
  std::uint64_t seed = 1;   ///< of the initial weights
  std::int64_t steps = 20;  ///< of training
  /// After them, rounds of a comparison: every kernel, collective and message of the programs is
  /// timed by itself, then `steps_per_round` steps, the first of which does not count.
  std::int64_t rounds = 0;
  std::int64_t steps_per_round = 4;
  double stand_still_s = 10;  ///< as ProcessGroupOptions
  /// Of ranks that this process starts: called some times per second with the steps that rank 0 has
  /// done, of how many.
  std::function<void(std::size_t done, std::size_t of)> progress = {};
};

/// Steps that only warm up before times count.
inline constexpr std::int64_t kWarmUpSteps = 2;

struct LiveOutcome {
  std::vector<RankRecords> ranks;
  std::string failure;  ///< why it ended early; empty: it did not

  /// Mean loss of each step that all ranks finished.
  std::vector<double> losses(const Job& job) const;
};

/// Throws Error(kUnsupported) for programs that can't be run for real, and for more ranks than
/// kMostRanks. A rank that fails, a loss that is no number and a signal end the run early, which
/// LiveOutcome::failure says.
LiveOutcome run_live(const Job& job, const LiveOptions& options);
inline constexpr std::size_t kMostRanks = 64;

/// For ranks that somebody else starts (kernels/mpi): what one rank does, and the outcome of what
/// ranks kept. The first throws as executors and communicators do; the caller has called
/// check_live().
void run_live_rank(RankContext& context, const Job& job, const LiveOptions& options);
/// Runs the job on the ranks of a group (ProcessGroup, MpiGroup); returns why they ended early,
/// empty when they did not. Throws what is no failure of a rank.
template <typename Group>
std::string run_ranks(Group& group, const Job& job, const LiveOptions& options) {
  try {
    group.run([&](RankContext& context) {
      run_live_rank(context, job, options);
      return 0;
    });
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kLiveRank) throw;
    return error.what();
  }
  return "";
}
/// Bytes, enough for everything that a rank keeps; `options` needs no platform.
std::size_t room_to_keep(const Job& job, const LiveOptions& options);
/// Throws Error(kUnsupported) for programs that can't be run for real.
void check_live(const Job& job, const LiveOptions& options);

}  // namespace stepcast
