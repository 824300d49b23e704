// What ranks keep goes to rank 0 as soon as it is kept, and there to memory that outlives its
// process, so that a run that ends early leaves it there.
#pragma once

#include <mpi.h>

#include <cstddef>
#include <list>
#include <span>
#include <vector>

#include "kernels/mpi/rank_witness.h"

namespace stepcast {

class MpiKept {
 public:
  /// To be made by all ranks together, between MPI_Init and MPI_Finalize, and destroyed likewise.
  /// `witness` outlives it.
  explicit MpiKept(const RankWitness& witness);
  ~MpiKept();
  MpiKept(const MpiKept&) = delete;
  MpiKept& operator=(const MpiKept&) = delete;

  /// Forgets what was kept before.
  void begin();
  /// Of this rank. Does not wait; rank 0 takes what has arrived from the others meanwhile. Throws
  /// Error(kLiveRank), also when the witness has no more room, and Error(kUnsupported) for more
  /// than MPI counts.
  void keep(std::span<const std::byte> bytes);
  /// On rank 0: what has arrived until now.
  void take();
  /// To be called by all; rank 0 has all of it then. Waits for the others without end.
  void finish();

 private:
  /// A piece that MPI may still read.
  struct Piece {
    std::vector<std::byte> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  void send(std::span<const std::byte> bytes);
  void receive(const MPI_Status& status);

  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  std::list<Piece> under_way_;
  const RankWitness& witness_;
  std::vector<bool> ended_;  ///< by rank: all of its pieces are here
};

}  // namespace stepcast
