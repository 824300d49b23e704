// The process that mpirun started looks after its rank, which is a child of it: mpirun would say no
// more of a rank that was killed than its signal, and end all others a second later.
//
//   const RankWitness witness(ranks, kept_bytes);
//   if (const auto code = watch_rank(witness, 10, say)) return *code;   // who looks after the rank
//   MpiGroup group(witness);                                            // the rank
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "kernels/mpi/rank_witness.h"

namespace stepcast {

/// Of rank 0, when its own process can't any more: `failure` is why the run ended, and the witness
/// has what was kept until then.
using LastWords = std::function<void(const std::string& failure)>;

/// For rank 0's own last words, when mpirun is gone and nobody is left who would kill it.
inline constexpr unsigned kLongestWordsS = 3;

/// Returns twice, as fork() does: at once, with nothing, in a child process, which is to become the
/// rank; and in this process, with the exit code that it should end with, when the child has ended.
///
/// A rank that is killed, is stopped for `stand_still_s`, or in a run shows no sign of life for
/// twice that time (its own group notices sooner, where somebody waits for it in MPI) is named on
/// standard error with its host, process and last operation; the code is that of
/// ErrorKind::kLiveRank, so that mpirun ends the others. When mpirun ends rank 0, and it does not
/// leave by itself within half a second, it is killed. In all these cases rank 0's last words are
/// said.
///
/// Neither process outlives the other, nor mpirun, but for rank 0's last words, which may take some
/// seconds. Files in memory that MPI would leave are removed. To be called before MPI_Init and
/// before threads are started. Throws Error(kIo) when there is no process, or no
/// descriptor of it.
std::optional<int> watch_rank(const RankWitness& witness, double stand_still_s,
                              const LastWords& last_words);

}  // namespace stepcast
