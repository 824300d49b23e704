// Ranks as processes of one machine, and what happens when one of them fails: nothing is left
// running, and the message says who it was, how it ended and what it was doing.
//
//   ProcessGroup group({.sizes = {.ranks = 4}});
//   group.run([&](RankContext& context) { ...; return 0; });
//   group.kept(0);                          // also after run() threw
//
// A rank that is killed, crashes, throws or returns other than 0 is noticed at once, one that
// stands still (stopped, or in an endless loop) by its heartbeat. The others then throw out of
// their next wait; who has not ended after a grace period is killed. When the caller itself dies,
// the system kills the ranks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/live/rank_main.h"
#include "kernels/live/switchboard.h"

namespace stepcast {

struct ProcessGroupOptions {
  SwitchboardSizes sizes = {};
  /// A rank that for so long begins no operation or collective and does not wait for another
  /// one stands still; so do all ranks when they wait for each other. At least 2 s: ranks lose
  /// their core to strangers at times.
  double stand_still_s = 10;
  /// For the others to end by themselves.
  double grace_s = 0.5;
  /// Called some times per second while ranks run.
  std::function<void()> meanwhile = {};
  bool pinned = true;  ///< each rank to a core
};

enum class Ending : std::uint8_t {
  kDone,
  kFailed,      ///< threw, or returned other than 0
  kExited,      ///< ended without a word: somebody called exit()
  kSignalled,   ///< killed from outside, or crashed
  kStoodStill,  ///< and was killed for it
  kEnded,       ///< because another rank failed
};

struct RankOutcome {
  int rank = 0;
  pid_t process = 0;
  Ending ending = Ending::kDone;
  int status = 0;              ///< exit code of kExited, signal of kSignalled
  std::string why;             ///< in words, not for kDone and kEnded
  std::string last_operation;  ///< empty: it had begun none
};

class ProcessGroup {
 public:
  /// Makes the memory that ranks will share; throws as Switchboard does.
  explicit ProcessGroup(const ProcessGroupOptions& options);

  /// Forks the ranks, runs `rank_main` in them and returns when all are
  /// done. To be called once, from a thread that lives on meanwhile, and before this process starts
  /// threads that hold locks (BLAS, CUDA): a fork takes only the calling thread along. A rank
  /// leaves by _exit(): no destructors of the caller's, no exit handlers.
  ///
  /// Throws Error(kLiveRank) when a rank fails, or on SIGINT, SIGTERM or SIGHUP; all ranks are gone
  /// by then. Error(kIo) when a process cannot be started.
  void run(const RankMain& rank_main);

  /// How each rank ended, by rank; after run(), also when it threw.
  const std::vector<RankOutcome>& outcomes() const { return outcomes_; }

  /// What a rank kept (RankContext::keep).
  std::span<const std::byte> kept(int rank) const { return board_.kept(rank); }

 private:
  ProcessGroupOptions options_;
  Switchboard board_;
  std::vector<RankOutcome> outcomes_;
};

}  // namespace stepcast
