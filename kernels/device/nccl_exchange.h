// Communication by NCCL, where each rank has a GPU of its own: collectives and messages are kernels
// of the rank's streams, and the host does not wait.
//
// A communicator for each group of the rank, and one for each direction of a pair of neighbours,
// since kernels of one communicator run one after the other: a message must not wait for one of
// another direction that its partner has yet to send.
#pragma once

#include <nccl.h>

#include <array>
#include <memory>
#include <string>

#include "kernels/device/cuda_device.h"
#include "kernels/live/live_rank.h"

namespace stepcast {

class NcclExchange final : public Exchange {
 public:
  /// Called by all ranks of the job together; they talk over the communicators of `rank` to find
  /// each other. Its device is a CudaDevice, and outlives this. Throws Error(kLiveRank) with NCCL's
  /// reason.
  NcclExchange(int own, const LiveRank& rank);

  void collective(Stream stream, GroupRole group, CollectiveKind kind,
                  std::span<const ExchangePart> parts, Element element, ReduceOp reduce) override;
  void send(Stream stream, int to, std::span<const std::byte> bytes) override;
  void receive(Stream stream, int from, std::span<std::byte> bytes) override;

 private:
  struct Destroy {
    void operator()(ncclComm* communicator) const { (void)ncclCommDestroy(communicator); }
  };
  using Communicator = std::unique_ptr<ncclComm, Destroy>;

  void join_group(const LiveRank& rank, std::size_t role);
  void join_neighbours(int own, const LiveRank& rank);
  /// A pair of neighbours, both ways; this rank is member `index`, and 0 is the earlier stage.
  void join_pair(const std::array<ncclUniqueId, 2>& ids, int index);
  const Communicator& of(Stream stream) const {
    return messages_[static_cast<std::size_t>(stream)];
  }

  const CudaDevice& device_;
  std::array<Communicator, kNumGroupRoles> groups_;
  std::array<Communicator, kNumStreams> messages_;  ///< by stream; empty for those of collectives
};

/// What CudaPlatform takes.
std::unique_ptr<Exchange> nccl_exchange(const Job& job, const RankContext& context,
                                        const LiveRank& rank);

/// "2.27.3"
std::string nccl_version();

}  // namespace stepcast
