// All-to-all, by hand: messages that pass a link.
#include "sim/engine/exchange_loads.h"

#include <gtest/gtest.h>

#include "tests/engine/network_shapes.h"

namespace stepcast {
namespace {

ExchangeLoads loads_of(const Fabric& fabric, bool direct = false) {
  std::vector<std::vector<std::uint32_t>> nodes(static_cast<std::size_t>(fabric.num_nodes()));
  for (const std::uint32_t gpu : gpus(static_cast<std::uint32_t>(fabric.num_gpus())))
    nodes[static_cast<std::size_t>(fabric.node_of(gpu))].push_back(gpu);
  return find_exchange_loads(fabric, nodes, direct);
}

TEST(ExchangeLoads, RailsMeetOnlyThemselves) {
  // 2 nodes of 8. Over NVLink 7 messages to local GPUs, and 7 that leave through their NICs; over
  // the NIC 8. In the time of 8 messages NVLink carries 14: more than one flow, so two.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const ExchangeLoads loads = loads_of(fabric);
  EXPECT_EQ(loads.peers_at_once, 1);
  EXPECT_DOUBLE_EQ(loads.inter_bandwidth, 25e9);
  EXPECT_DOUBLE_EQ(loads.intra_bandwidth, 300e9 * 8 / 14);
  for (const LinkWeight& use : loads.links)
    EXPECT_EQ(use.weight, is_inter_node(fabric.links()[use.link].kind) ? 1u : 2u);
}

TEST(ExchangeLoads, NarrowSpinesAreNotRounded) {
  // 8 nodes, two in a pod, 4 NICs; of the 4 GPUs that send through a leaf each has 48 of its 56
  // messages for other pods, 192 over 12.5 GB/s. One by one that were 24/7 flows, so all at once.
  const Fabric fabric(
      nvswitch_cluster({.nodes = 8, .nics = 4, .nodes_per_leaf = 2, .oversubscription = 4}), 64);
  const ExchangeLoads loads = loads_of(fabric);
  EXPECT_EQ(loads.peers_at_once, 7);
  EXPECT_DOUBLE_EQ(loads.inter_bandwidth, 12.5e9 * 56 / 192);
}

TEST(ExchangeLoads, GpusOnPcieUseTheirOwnNics) {
  // 4 nodes of 8, a NIC for two: 2 * 24 messages. Between the sockets, one way: 4 GPUs to 4.
  const Fabric fabric(pcie(4), 32);
  const ExchangeLoads loads = loads_of(fabric);
  EXPECT_DOUBLE_EQ(loads.inter_bandwidth, 12.5e9 * 24 / 48);
  EXPECT_DOUBLE_EQ(loads.intra_bandwidth, 25e9 * 24 / 31);  // a GPU's slot: 7 near, 24 far
}

TEST(ExchangeLoads, DirectLinksServeAllPeersAtOnce) {
  const Fabric fabric(full_mesh_node(4), 4);
  const ExchangeLoads loads = loads_of(fabric, true);
  EXPECT_EQ(loads.peers_at_once, 3);
  EXPECT_DOUBLE_EQ(loads.intra_bandwidth, 3 * 25e9);
}

}  // namespace
}  // namespace stepcast
