// Ranks that mpirun started, on one node or several: every process is a rank.
//
//   MpiGroup group;                       // in main(), once
//   group.run(rank_main);
//   if (group.rank() == 0) group.kept(1);
//
// mpirun supervises: it ends all ranks when one dies or fails. A rank that stands still is noticed
// by those that wait (mpi_pulse.h), and ranks end when mpirun does.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "kernels/live/rank_context.h"

namespace stepcast {

class MpiPulse;

class MpiGroup {
 public:
  /// MPI_Init. `stand_still_s` as ProcessGroupOptions.
  explicit MpiGroup(double stand_still_s = 10);
  ~MpiGroup();  ///< MPI_Finalize
  MpiGroup(const MpiGroup&) = delete;
  MpiGroup& operator=(const MpiGroup&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }

  /// To be called by all. Returns when all are done. When one fails, it says on standard error
  /// which rank on which host, why and in which operation, and ends all processes with exit code 7.
  void run(const RankMain& rank_main);

  /// On rank 0, after run(): what a rank kept. At most 2 GiB of all ranks together.
  std::span<const std::byte> kept(int rank) const;

 private:
  void gather(const std::vector<std::byte>& mine);

  int rank_ = 0, ranks_ = 0;
  std::unique_ptr<MpiPulse> pulse_;
  std::vector<std::byte> kept_;   // of all ranks, one after the other
  std::vector<int> kept_counts_;  // by rank
};

}  // namespace stepcast
