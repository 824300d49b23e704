// Channel counts as NCCL's logs print them ("24 coll channels, 16 nvls channels, 32 p2p channels"),
// and how small operations make do with fewer.
#include "sim/engine/nccl_channels.h"

#include <gtest/gtest.h>

#include "tests/engine/small_clusters.h"

namespace stepcast {
namespace {

/// All GPUs.
GroupGeometry group_of(const Topology& topology) {
  const Fabric fabric(topology, topology.num_gpus());
  return GroupGeometry(fabric, gpus(static_cast<std::uint32_t>(topology.num_gpus())));
}

NcclChannels channels_of(const Topology& topology, const char* generation) {
  return nccl_channels(group_of(topology), generation);
}

/// Nodes of 8 A100 with 8 NICs of 200 Gb/s, of 8 H100 with 8 of 400.
Topology a100(std::int64_t nodes) { return nvswitch_cluster({.nodes = nodes}); }
Topology h100(std::int64_t nodes) {
  return nvswitch_cluster({.nodes = nodes, .nvlink = 450e9, .nic = 50e9});
}

TEST(NcclChannels, AreThoseOfPublicLogs) {
  EXPECT_EQ(channels_of(cube_mesh_node(), "volta").rings, 12);
  EXPECT_EQ(channels_of(a100(1), "ampere").rings, 24);
  EXPECT_EQ(channels_of(a100(1), "ampere").messages, 32);
  EXPECT_EQ(channels_of(a100(2), "ampere").rings, 16);
  EXPECT_EQ(channels_of(h100(1), "hopper").rings, 24);
  EXPECT_EQ(channels_of(h100(1), "hopper").in_switch, 16);
  EXPECT_EQ(channels_of(h100(2), "hopper").rings, 16);
}

TEST(NcclChannels, OfAMeshUseEveryBundleOfLinks) {
  Topology four = full_mesh_node(4);  // four links between every two A100, as Perlmutter has them
  for (MeshLink& link : four.node.mesh) link.count = 4;
  EXPECT_EQ(channels_of(four, "ampere").rings, 24);
}

TEST(NcclChannels, AreNotKnownWithoutNccl) {
  EXPECT_EQ(channels_of(a100(1), "cpu").rings, 0);
  const Fabric fabric(a100(1), 8);
  EXPECT_EQ(nccl_channels(GroupGeometry(fabric, gpus(1)), "ampere").rings, 0) << "a single rank";
}

TEST(NcclChannels, OfAPeerBecomeFewerAsTheCommunicatorGrows) {
  // 400 Gb/s want 4 of 14 GB/s; 16 channels serve 8 peers a batch.
  EXPECT_EQ(channels_of(h100(2), "hopper").per_far_peer, 4);
  EXPECT_EQ(channels_of(h100(4), "hopper").per_far_peer, 4);
  EXPECT_EQ(channels_of(h100(8), "hopper").per_far_peer, 2);
  EXPECT_EQ(channels_of(h100(16), "hopper").per_far_peer, 1);
  EXPECT_EQ(channels_of(h100(128), "hopper").per_far_peer, 1);
}

TEST(ChannelsInUse, GrowWithTheSizeOfACollective) {
  const GroupGeometry group = group_of(a100(1));
  const NcclChannels channels = nccl_channels(group, "ampere");
  const auto used = [&](Algorithm algorithm, Protocol protocol, std::int64_t size) {
    return channels_in_use(channels, group, algorithm, protocol, Bytes(size));
  };
  EXPECT_EQ(used(Algorithm::kRing, Protocol::kLl, 8), 1);
  EXPECT_EQ(used(Algorithm::kRing, Protocol::kLl, 4 * 32768), 4) << "8 B for 512 threads, 8 ranks";
  EXPECT_EQ(used(Algorithm::kTree, Protocol::kLl, 4 * 4096), 4);
  EXPECT_EQ(used(Algorithm::kRing, Protocol::kLl128, 3 * 5120), 3);
  EXPECT_EQ(used(Algorithm::kRing, Protocol::kSimple, 5 * 32768 + 1), 5);
  EXPECT_EQ(used(Algorithm::kRing, Protocol::kSimple, 1 << 30), 24);
  EXPECT_EQ(used(Algorithm::kNvls, Protocol::kSimple, 8), channels.in_switch);
  EXPECT_EQ(used(Algorithm::kHalvingDoubling, Protocol::kSimple, 1 << 30), 0);
}

TEST(ChannelsInUse, OfAllToAllAreThoseOfItsMessages) {
  const GroupGeometry group = group_of(a100(1));
  const NcclChannels channels = nccl_channels(group, "ampere");
  const auto used = [&](std::int64_t size) {
    return channels_in_use(channels, group, Algorithm::kPairwise, Protocol::kSimple, Bytes(size));
  };
  EXPECT_EQ(used(8 * 512), 7) << "one for each peer";
  EXPECT_EQ(used(8 << 20), 14) << "1 MiB to a peer, 512 KiB each";
  EXPECT_EQ(used(std::int64_t{1} << 30), 32);
  EXPECT_EQ(message_channels(channels, true, Bytes(512 << 10)), 1);
  EXPECT_EQ(message_channels(channels, true, Bytes((512 << 10) + 1)), 2);
}

}  // namespace
}  // namespace stepcast
