// Communication through the host: the rank waits until the stream has come to it, and then runs its
// communicators. On a device with memory of its own the bytes go through memory of the host.
//
// The host stands still meanwhile and issues nothing, so a rank does its communication in the order
// of issue, as a rank on a core does; kernels that were issued before run on. It needs nothing of
// the device but copies, and works between ranks that share a GPU, for which NCCL has no answer.
#pragma once

#include "kernels/live/exchange.h"
#include "kernels/live/live_rank.h"

namespace stepcast {

class HostExchange final : public Exchange {
 public:
  /// The communicators and the device of `rank` outlive it.
  explicit HostExchange(const LiveRank& rank);

  void collective(Stream stream, GroupRole group, CollectiveKind kind,
                  std::span<const ExchangePart> parts, Element element, ReduceOp reduce) override;
  void send(Stream stream, int to, std::span<const std::byte> bytes) override;
  void receive(Stream stream, int from, std::span<std::byte> bytes) override;

 private:
  /// Memory of the host; grows as it must.
  struct Room {
    DeviceBlock memory;
    std::size_t bytes = 0;
  };
  std::span<std::byte> staged(Room& room, std::size_t bytes) const;

  LiveDevice& device_;
  std::array<Communicator*, kNumGroupRoles> groups_{};
  Communicator& world_;
  Room from_, to_;
};

}  // namespace stepcast
