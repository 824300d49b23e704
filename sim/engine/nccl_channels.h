// How many channels NCCL opens for a communicator, and how many of them an operation uses. A
// channel is a thread block, so it holds one SM of every GPU while the operation runs (design of
// NCCL; src/enqueue.cc).
//
// NCCL looks for the rings with the most bandwidth in its model of the node: it tries speeds from a
// list downwards and takes the first one of which most is found (src/graph/search.cc,
// ncclTopoCompute). Rings that are fast enough are doubled at half the speed (ncclTopoDupChannels),
// and then all of them are once more (src/graph/connect.cc, ncclTopoPostset). That gives the counts
// of public logs: 24 in a node of 8 A100 or H100, 12 in a DGX-1V, 16 between nodes with 8 NICs.
#pragma once

#include <string_view>

#include "sim/base/quantity.h"
#include "sim/cost/algorithm.h"
#include "sim/engine/group_geometry.h"

namespace stepcast {

/// Of one communicator. All 0 for GPUs that NCCL does not run on.
struct NcclChannels {
  int rings = 0;          ///< of rings and trees, at the most
  int in_switch = 0;      ///< of NVLS, NVLSTree and SHARP
  int messages = 0;       ///< of all messages together: a power of two
  int per_near_peer = 0;  ///< of messages to one peer in the node
  int per_far_peer = 0;
  int wanted_per_far_peer = 0;  ///< what the NIC asks for; a large communicator gives fewer
};

/// `generation` as Device::generation.
NcclChannels nccl_channels(const GroupGeometry& group, std::string_view generation);

/// Of these, as many as a collective of `size` bytes uses: small ones make do with fewer
/// (src/enqueue.cc). 0 for algorithms that NCCL has not got.
int channels_in_use(const NcclChannels& channels, const GroupGeometry& group, Algorithm algorithm,
                    Protocol protocol, Bytes size);

/// The same for one message.
int message_channels(const NcclChannels& channels, bool same_node, Bytes size);

}  // namespace stepcast
