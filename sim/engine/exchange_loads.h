// What an exchange of every rank with every other one loads. Between nodes a message first goes
// over NVLink to the GPU on its receiver's rail (NCCL's PXN), so rails meet only themselves; GPUs
// on PCIe send over their own NICs. Messages inside nodes go beside those between them.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/link_weights.h"

namespace stepcast {

/// Whether messages of this GPU may leave through the NIC of another one.
bool has_pxn(const Fabric& fabric, std::uint32_t gpu);

struct ExchangeLoads {
  /// Unit: one rank's messages to one peer after the other; to those outside its node, where there
  /// are any.
  LinkWeights links;
  /// Unit flows of a rank, each for its part of the peers. One, where that says what links carry:
  /// so an exchange gets the share of one flow. Weights are whole numbers; where one flow's would
  /// be off at the link that sets the pace, and where ways are hashed, all peers are served at
  /// once.
  int peers_at_once = 1;
  /// What a rank sends per second to the peers that it serves in turn, as links inside nodes and
  /// between them allow it at nominal capacities. Infinite where there are no such links.
  double intra_bandwidth = 0, inter_bandwidth = 0;
  Seconds latency{};  ///< of the links, to the farthest peer
};

/// `nodes`: the group's GPUs node by node. `direct`: over links from GPU to GPU, where each peer
/// has a way of its own.
ExchangeLoads find_exchange_loads(const Fabric& fabric,
                                  const std::vector<std::vector<std::uint32_t>>& nodes,
                                  bool direct);

}  // namespace stepcast
