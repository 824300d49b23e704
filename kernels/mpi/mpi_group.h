// Ranks that mpirun started, on one node or several: every process is a rank.
//
//   MpiGroup group(witness);              // in main(), once, in the process of a rank
//   try {                                 // (rank_watch.h)
//     group.run(rank_main);
//     if (group.rank() == 0) witness.kept(1);
//   } catch (const Error& error) {
//     return group.leave(error.what(), error.kind());
//   }
//
// mpirun supervises: it ends all ranks when the process that looks after one ends with a failure. A
// rank that stands still is noticed by those that wait (mpi_pulse.h), and ranks end when mpirun
// does. Rank 0 then has what ranks kept until that moment, and about a second to say it. Between
// runs ranks meet with a word on how they are (rank_words.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/live/rank_context.h"
#include "kernels/mpi/rank_words.h"

namespace stepcast {

class MpiKept;
class MpiPulse;
class RankWitness;
struct RankEnd;

class MpiGroup {
 public:
  /// MPI_Init. `stand_still_s` as ProcessGroupOptions; `witness` outlives this. Ranks that can't
  /// join are heard of in the first go_on() or run().
  explicit MpiGroup(const RankWitness& witness, double stand_still_s = 10);
  /// MPI_Finalize, when all are done; after a run that failed MPI_Abort, which does not return.
  ~MpiGroup();
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

  /// To be called by all. Throws Error(kLiveRank), which rank 0 has said, when another rank left
  /// instead; so do run() and said_by_first().
  void go_on();
  /// Instead of whatever is next outside of run(), also after Error was thrown there: this rank
  /// can't go on. Rank 0 says so for all on standard error, once where all ranks say the same (see
  /// end_of()). Returns the exit code that this process should end with.
  int leave(const std::string& why, ErrorKind kind);

  /// Of any rank.
  const std::string& host(int rank) const;
  /// The same for ranks that can share memory, whatever their hosts call themselves.
  int node(int rank) const { return nodes_[static_cast<std::size_t>(rank)]; }
  /// What rank 0 says, on all of them; to be called by all.
  bool said_by_first(bool said);

 private:
  void fail(const RankEnd& end);
  void meet(const RankWord& mine);

  const RankWitness& witness_;
  int rank_ = 0, ranks_ = 0;
  std::vector<int> nodes_;       ///< by rank
  bool failed_ = false;          ///< in a run
  std::optional<RanksEnd> end_;  ///< a rank left
  std::unique_ptr<MpiPulse> pulse_;
  std::unique_ptr<MpiKept> kept_;
};

/// As MpiGroup::leave(), for a process that mpirun started and that can't even become a rank.
int leave_unjoined(const std::string& why, ErrorKind kind);

}  // namespace stepcast
