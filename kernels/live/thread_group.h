// Ranks as threads of one process: for tests, and for ranks that share one GPU. They talk over the
// same memory in the same way as processes do, and get the same bits. Not for kernels/cpu: the
// OpenBLAS that it links is not to be called by several threads.
#pragma once

#include <span>

#include "kernels/live/rank_main.h"
#include "kernels/live/switchboard.h"

namespace stepcast {

class ThreadGroup {
 public:
  /// Throws as Switchboard does.
  explicit ThreadGroup(const SwitchboardSizes& sizes) : board_(sizes) {}

  /// Runs `rank_main` on all ranks and returns when the last one has. When one fails the others'
  /// next wait throws; a thread that never waits can't be ended. To be called once. Throws
  /// Error(kLiveRank) naming the rank that failed, why and in which operation.
  void run(const RankMain& rank_main);

  std::span<const std::byte> kept(int rank) const { return board_.kept(rank); }

 private:
  Switchboard board_;
};

}  // namespace stepcast
