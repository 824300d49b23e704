// Ranks that mpirun started, on one node or several: every process is a rank.
//
//   MpiGroup group(witness);              // in main(), once, in the process of a rank
//   (rank_watch.h) group.run(rank_main); if (group.rank() == 0) witness.kept(1);
//
// mpirun supervises: it ends all ranks when the process that looks after one ends with a failure. A
// rank that stands still is noticed by those that wait (mpi_pulse.h), and ranks end when mpirun
// does. Rank 0 then has what ranks kept until that moment, and about a second to say it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/live/rank_context.h"

namespace stepcast {

class MpiKept;
class MpiPulse;
class RankWitness;
struct RankEnd;

class MpiGroup {
 public:
  /// MPI_Init. `stand_still_s` as ProcessGroupOptions; `witness` outlives this.
  explicit MpiGroup(const RankWitness& witness, double stand_still_s = 10);
  ~MpiGroup();  ///< MPI_Finalize; after a failure MPI_Abort, which does not return
  MpiGroup(const MpiGroup&) = delete;
  MpiGroup& operator=(const MpiGroup&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }

  /// To be called by all, as often as one likes. Returns when all are done. When one fails, it says
  /// on standard error which rank on which host, why and in which operation, and ends all processes
  /// with exit code 7; but on rank 0 Error(kLiveRank) is thrown then, as well as when mpirun ends
  /// the ranks, and the end of this group ends all processes. Rank 0's witness has what ranks kept,
  /// after a run that failed as far as it got there.
  void run(const RankMain& rank_main);

  /// Of any rank.
  const std::string& host(int rank) const;
  /// The same for ranks that can share memory, whatever their hosts call themselves.
  int node(int rank) const { return nodes_[static_cast<std::size_t>(rank)]; }
  /// What rank 0 says, on all of them; to be called by all.
  bool said_by_first(bool said) const;

 private:
  void fail(const RankEnd& end);

  const RankWitness& witness_;
  int rank_ = 0, ranks_ = 0;
  std::vector<int> nodes_;  ///< by rank
  bool failed_ = false;
  std::unique_ptr<MpiPulse> pulse_;
  std::unique_ptr<MpiKept> kept_;
};

}  // namespace stepcast
