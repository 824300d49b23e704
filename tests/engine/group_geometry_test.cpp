// How groups lie in networks that are not alike everywhere: over a WAN, without a spine, in grids.
#include "sim/engine/group_geometry.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/engine/collective_flows.h"
#include "tests/engine/small_clusters.h"

namespace stepcast {
namespace {

/// Two data centres of two nodes with four NICs, 5 ms apart.
Topology two_sites() {
  Topology topology = nvswitch_cluster({.nodes = 4, .nics = 4});
  const FabricSpec site{.kind = FabricKind::kSingleSwitch};
  topology.data_centers = {{.name = "east", .num_nodes = 2, .fabric = site},
                           {.name = "west", .num_nodes = 2, .fabric = site}};
  topology.wan = {{.a = 0, .b = 1, .bandwidth = BytesPerSec(10e9), .latency = Seconds(5e-3)}};
  return topology;
}

std::uint32_t weight_on_wan(const Fabric& fabric, const LinkWeights& weights) {
  std::uint32_t most = 0;
  for (const LinkWeight& use : weights)
    if (fabric.links()[use.link].kind == LinkKind::kWan) most = std::max(most, use.weight);
  return most;
}

TEST(GroupGeometry, ARingCrossesTheWanOnceEachWay) {
  const Fabric fabric(two_sites(), 32);
  // The communicator takes nodes of east and west in turn.
  std::vector<std::uint32_t> order;
  for (const std::uint32_t node : {0u, 2u, 1u, 3u})
    for (std::uint32_t gpu = 0; gpu < 8; ++gpu) order.push_back(node * 8 + gpu);
  const GroupGeometry group(fabric, order);
  EXPECT_EQ(group.num_channels(), 4);
  EXPECT_EQ(weight_on_wan(fabric, group.ring_links()), 4u);  // each channel once
  EXPECT_DOUBLE_EQ(group.inter_bandwidth(), 10e9);
  EXPECT_DOUBLE_EQ(group.ring_latency().value(), 10e-3);
}

TEST(GroupGeometry, ATreeCrossesTheWanAsOftenAsItsDeepestBranch) {
  // Tree 0 over nodes 0 .. 3: 3 is the root, 1 hangs on it, 0 and 2 on 1. From 2 (west) over 1
  // (east) to 3 (west): twice.
  const Fabric fabric(two_sites(), 32);
  EXPECT_DOUBLE_EQ(GroupGeometry(fabric, gpus(32)).tree_latency().value(), 10e-3);
  EXPECT_DOUBLE_EQ(GroupGeometry(fabric, gpus(16)).tree_latency().value(), 0);
}

TEST(GroupGeometry, LatencyOfLinksReachesThePlans) {
  Topology near = two_sites();
  near.wan[0].latency = Seconds{};
  const Fabric far_apart(two_sites(), 32), close(near, 32);
  const NetworkProfile profile = ideal_network_profile();
  const auto added = [&](CollectiveKind kind, const CollectiveChoice& forced) {
    const auto time = [&](const Fabric& fabric) {
      const GroupGeometry group(fabric, gpus(32));
      return plan_collective(group, profile, kind, Bytes(1'000'000), forced).uncontended.value();
    };
    return time(far_apart) - time(close);
  };
  EXPECT_NEAR(added(CollectiveKind::kAllGather, {}), 10e-3, 1e-12);
  EXPECT_NEAR(added(CollectiveKind::kAllReduce, {.algorithms = {Algorithm::kRing}}), 20e-3, 1e-12);
  EXPECT_NEAR(added(CollectiveKind::kAllReduce, {.algorithms = {Algorithm::kTree}}), 20e-3, 1e-12);
  EXPECT_NEAR(added(CollectiveKind::kAllToAll, {}), 5e-3, 1e-12);
  const PairGeometry pair(far_apart, 0, 31);
  EXPECT_DOUBLE_EQ(pair.latency().value(), 5e-3);
  EXPECT_NEAR(plan_p2p(pair, profile, Bytes(10'000'000)).uncontended.value(), 5e-3 + 1e-3, 1e-12);
}

TEST(GroupGeometry, ATorusUsesAllLinksOfAChip) {
  // 4 x 4 x 4 chips with six links of 50 GB/s: twelve cycles both ways share them evenly.
  Topology topology = nvswitch_cluster({});
  topology.node.gpus = 64;
  topology.node.intra = IntraNode::kTorus;
  topology.node.intra_bandwidth = BytesPerSec(50e9);
  topology.node.dims = {4, 4, 4};
  topology.node.nics = 0;
  const GroupGeometry group(Fabric(topology, 64), gpus(64));
  EXPECT_EQ(group.num_channels(), 24);
  EXPECT_DOUBLE_EQ(group.intra_bandwidth(), 300e9);
  EXPECT_FALSE(group.has_switch());
}

TEST(GroupGeometry, UnevenNodesUseAsManyNicsAsTheSmallestHas) {
  Topology topology = nvswitch_cluster({.nodes = 2, .nics = 8});
  NodeGroup large{.num_nodes = 2, .node = topology.node, .device = {}};
  NodeGroup small = large;
  small.node.gpus = small.node.nics = 2;
  topology.node_groups = {large, small};
  const Fabric fabric(topology, 20);
  const GroupGeometry group(fabric, gpus(20));
  EXPECT_EQ(group.num_nodes(), 4);
  EXPECT_EQ(group.ranks_per_node(), 8);
  EXPECT_EQ(group.num_channels(), 2);
  EXPECT_DOUBLE_EQ(group.inter_bandwidth(), 50e9);
}

TEST(GroupGeometry, RefusesMoreChannelsThanAnyCommunicatorHas) {
  Topology topology = nvswitch_cluster({.nodes = 2});
  topology.node.gpus = 256;
  topology.node.nics = 256;
  topology.node.intra = IntraNode::kTorus;
  topology.node.dims = {4, 8, 8};
  try {
    const GroupGeometry group(Fabric(topology, 512), gpus(512));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("give several NICs"), std::string::npos);
  }
}

}  // namespace
}  // namespace stepcast
