// The communicator of ranks on several nodes. MPI carries the chunks; which chunks go where and how
// they are added is the same as over shared memory, to the bit. (MPI's own reductions promise no
// order.)
#pragma once

#include <mpi.h>

#include <list>
#include <vector>

#include "kernels/live/scheduled_communicator.h"
#include "kernels/mpi/mpi_pulse.h"

namespace stepcast {

class MpiCommunicator final : public ScheduledCommunicator {
 public:
  /// See RankContext::communicator. `pulse` outlives it.
  MpiCommunicator(std::vector<int> members, std::uint32_t group, MpiPulse& pulse);
  /// Waits until messages on their way are taken.
  ~MpiCommunicator() override;
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;

  int size() const override { return size_; }
  int index() const override { return index_; }
  void send(int to, std::span<const std::byte> bytes) override;
  void receive(int from, std::span<std::byte> bytes) override;
  double waited_seconds() const override { return waited_; }

 private:
  /// A message that MPI may still read.
  struct Message {
    std::vector<std::byte> bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  void begin(CollectiveKind, std::uint32_t) override {}
  void run_step(const MemberPlan::Step& step, ChunkTable& chunks,
                std::span<const std::byte* const> bases, const Arithmetic& arithmetic) override;
  void forget_sent();
  int rank_of(int member) const { return members_[static_cast<std::size_t>(member)]; }
  void wait(std::span<MPI_Request> requests, std::span<const int> peers,
            std::span<MPI_Status> statuses);

  MPI_Comm comm_ = MPI_COMM_NULL;
  int size_ = 0, index_ = 0;
  std::vector<int> members_;  // ranks
  MpiPulse& pulse_;
  double waited_ = 0;
  std::list<Message> under_way_;
  std::vector<std::vector<std::byte>> arrived_;  // by receive of a step
  std::vector<MPI_Request> requests_;
  std::vector<MPI_Status> statuses_;
  std::vector<int> peers_;  // ranks, by request
};

}  // namespace stepcast
