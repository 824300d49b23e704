#include "kernels/mpi/mpi_kept.h"

#include <climits>
#include <string>

#include "kernels/mpi/mpi_pulse.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr int kPieceTag = 4;

}  // namespace

MpiKept::MpiKept(const RankWitness& witness) : witness_(witness) {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  int ranks = 0;
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &ranks);
  ended_.resize(static_cast<std::size_t>(ranks));
}

MpiKept::~MpiKept() { MPI_Comm_free(&comm_); }

void MpiKept::begin() {
  if (rank_ == 0) witness_.forget_kept();
  ended_.assign(ended_.size(), false);
  ended_[0] = true;
}

void MpiKept::keep(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (rank_ != 0) return send(bytes);
  witness_.keep(0, bytes);
  take();
}

/// Nothing at all says that there is no more.
void MpiKept::send(std::span<const std::byte> bytes) {
  if (bytes.size() > INT_MAX)
    throw Error(ErrorKind::kUnsupported, std::to_string(bytes.size()) +
                                             " bytes to keep at once; MPI counts up to "
                                             "2,147,483,647: take fewer layers or microbatches");
  std::erase_if(under_way_, [](Piece& piece) {
    int sent = 0;
    check_mpi(MPI_Test(&piece.request, &sent, MPI_STATUS_IGNORE), "MPI_Test");
    return sent != 0;
  });
  Piece& piece = under_way_.emplace_back();
  piece.bytes.assign(bytes.begin(), bytes.end());
  check_mpi(MPI_Isend(piece.bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, kPieceTag,
                      comm_, &piece.request),
            "MPI_Isend");
}

void MpiKept::receive(const MPI_Status& status) {
  const auto rank = static_cast<std::size_t>(status.MPI_SOURCE);
  int count = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
  std::vector<std::byte> piece(static_cast<std::size_t>(count));
  check_mpi(MPI_Recv(piece.data(), count, MPI_BYTE, status.MPI_SOURCE, kPieceTag, comm_,
                     MPI_STATUS_IGNORE),
            "MPI_Recv");
  if (count == 0)
    ended_[rank] = true;
  else
    witness_.keep(status.MPI_SOURCE, piece);
}

/// A rank that has ended may be in the next run already.
void MpiKept::take() {
  for (std::size_t rank = 0; rank < ended_.size(); ++rank)
    for (int there = 1; there != 0 && !ended_[rank];) {
      MPI_Status status;
      check_mpi(MPI_Iprobe(static_cast<int>(rank), kPieceTag, comm_, &there, &status),
                "MPI_Iprobe");
      if (there != 0) receive(status);
    }
}

void MpiKept::finish() {
  if (rank_ != 0) {
    send({});
    for (Piece& piece : under_way_)
      check_mpi(MPI_Wait(&piece.request, MPI_STATUS_IGNORE), "MPI_Wait");
    under_way_.clear();
    return;
  }
  for (std::size_t rank = 0; rank < ended_.size(); ++rank)
    while (!ended_[rank]) {
      MPI_Status status;
      check_mpi(MPI_Probe(static_cast<int>(rank), kPieceTag, comm_, &status), "MPI_Probe");
      receive(status);
    }
}

}  // namespace stepcast
