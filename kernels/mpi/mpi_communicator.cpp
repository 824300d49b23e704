#include "kernels/mpi/mpi_communicator.h"

#include <climits>
#include <cstring>
#include <exception>
#include <string>
#include <utility>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr int kChunkTag = 0, kMessageTag = 1;

int mpi_count(std::size_t bytes) {
  if (bytes > INT_MAX)
    throw Error(ErrorKind::kUnsupported, std::to_string(bytes) +
                                             " bytes at once; MPI counts up to 2,147,483,647: use "
                                             "smaller buckets or more ranks");
  return static_cast<int>(bytes);
}

void check_length(const MPI_Status& status, std::size_t expected) {
  int count = 0;
  check_mpi(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
  if (static_cast<std::size_t>(count) != expected)
    throw Error(ErrorKind::kLiveRank, std::to_string(count) + " bytes came where " +
                                          std::to_string(expected) +
                                          " are expected: members are in different operations");
}

}  // namespace

MpiCommunicator::MpiCommunicator(std::vector<int> members, std::uint32_t group, MpiPulse& pulse)
    : members_(std::move(members)), pulse_(pulse) {
  pulse_.meet(members_);
  MPI_Group world = MPI_GROUP_NULL, mine = MPI_GROUP_NULL;
  check_mpi(MPI_Comm_group(MPI_COMM_WORLD, &world), "MPI_Comm_group");
  check_mpi(MPI_Group_incl(world, static_cast<int>(members_.size()), members_.data(), &mine),
            "MPI_Group_incl");
  // 32767 is the largest tag that every MPI has.
  const int tag = static_cast<int>(group & 0x7fffu);
  check_mpi(MPI_Comm_create_group(MPI_COMM_WORLD, mine, tag, &comm_), "MPI_Comm_create_group");
  MPI_Group_free(&mine);
  MPI_Group_free(&world);
  STEPCAST_CHECK(comm_ != MPI_COMM_NULL, "a communicator without the rank that makes it");
  MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  MPI_Comm_size(comm_, &size_);
  MPI_Comm_rank(comm_, &index_);
}

MpiCommunicator::~MpiCommunicator() {
  // After a failure nobody may ever take them; MPI_Abort follows.
  if (std::uncaught_exceptions() > 0) return;
  for (Message& message : under_way_) MPI_Wait(&message.request, MPI_STATUS_IGNORE);
  MPI_Comm_free(&comm_);
}

void MpiCommunicator::forget_sent() {
  for (auto message = under_way_.begin(); message != under_way_.end();) {
    int sent = 0;
    check_mpi(MPI_Test(&message->request, &sent, MPI_STATUS_IGNORE), "MPI_Test");
    message = sent != 0 ? under_way_.erase(message) : std::next(message);
  }
}

void MpiCommunicator::send(int to, std::span<const std::byte> bytes) {
  forget_sent();
  const int count = mpi_count(bytes.size());
  Message& message = under_way_.emplace_back();
  message.bytes.assign(bytes.begin(), bytes.end());
  check_mpi(
      MPI_Isend(message.bytes.data(), count, MPI_BYTE, to, kMessageTag, comm_, &message.request),
      "MPI_Isend");
}

void MpiCommunicator::receive(int from, std::span<std::byte> bytes) {
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Status status;
  check_mpi(MPI_Irecv(bytes.data(), mpi_count(bytes.size()), MPI_BYTE, from, kMessageTag, comm_,
                      &request),
            "MPI_Irecv");
  const int peer = rank_of(from);
  wait({&request, 1}, {&peer, 1}, {&status, 1});
  check_length(status, bytes.size());
}

void MpiCommunicator::wait(std::span<MPI_Request> requests, std::span<const int> peers,
                           std::span<MPI_Status> statuses) {
  const double before = pulse_.waited_seconds();
  pulse_.wait(requests, peers, statuses);
  waited_ += pulse_.waited_seconds() - before;
}

/// Chunks come into memory of our own first: a chunk may be sent in the step that changes it.
void MpiCommunicator::run_step(const MemberPlan::Step& step, ChunkTable& chunks,
                               std::span<const std::byte* const> bases,
                               const Arithmetic& arithmetic) {
  const auto peer = [](const MemberPlan::Move& move) { return static_cast<int>(move.peer); };
  requests_.assign(step.receives.size() + step.sends.size(), MPI_REQUEST_NULL);
  statuses_.resize(requests_.size());
  if (arrived_.size() < step.receives.size()) arrived_.resize(step.receives.size());
  MPI_Request* request = requests_.data();
  for (std::size_t i = 0; i < step.receives.size(); ++i, ++request) {
    const std::size_t bytes = chunks[step.receives[i].chunk].bytes;
    if (arrived_[i].size() < bytes) arrived_[i].resize(bytes);
    if (bytes == 0) continue;
    check_mpi(MPI_Irecv(arrived_[i].data(), mpi_count(bytes), MPI_BYTE, peer(step.receives[i]),
                        kChunkTag, comm_, request),
              "MPI_Irecv");
  }
  for (const MemberPlan::Move& move : step.sends) {
    const ChunkTable::Chunk& chunk = chunks[move.chunk];
    if (chunk.bytes > 0)
      check_mpi(MPI_Isend(chunk.now, mpi_count(chunk.bytes), MPI_BYTE, peer(move), kChunkTag, comm_,
                          request),
                "MPI_Isend");
    ++request;
  }
  peers_.clear();
  for (const auto* moves : {&step.receives, &step.sends})
    for (const MemberPlan::Move& move : *moves) peers_.push_back(rank_of(peer(move)));
  wait(requests_, peers_, statuses_);
  for (std::size_t i = 0; i < step.receives.size(); ++i) {
    const ChunkTable::Chunk& chunk = chunks[step.receives[i].chunk];
    if (chunk.bytes == 0) continue;
    check_length(statuses_[i], chunk.bytes);
    if (step.receives[i].reduce)
      combine(arithmetic.element, arithmetic.reduce, bases[i], arrived_[i].data(), chunk.target,
              chunk.bytes / size_of(arithmetic.element));
    else
      std::memcpy(chunk.target, arrived_[i].data(), chunk.bytes);
  }
}

}  // namespace stepcast
