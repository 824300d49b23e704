// Links and routes of every shape, on small clusters whose paths can be followed by finger.
#include "sim/topology/fabric.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/topology/clusters.h"
#include "tests/topology/walker.h"

namespace stepcast {
namespace {

/// Every shape once, in clusters of one to a few nodes.
std::vector<Topology> small_clusters() {
  Topology chain_with_shared_nics = chain_cluster(2, 4);
  chain_with_shared_nics.node.nics = 2;
  return {nvswitch_cluster(1),       nvswitch_cluster(3, 4, 4), nvswitch_cluster(2, 8, 4),
          nvswitch_cluster(2, 6, 1), rail_cluster(5, 2),        rail_cluster(4, 2, 2.0, 8, 4),
          chain_cluster(1, 5),       chain_cluster(2, 3),       chain_with_shared_nics,
          pcie_cluster(1),           pcie_cluster(3),           pcie_cluster(2, 1),
          nvswitch_cluster(3, 1, 1)};
}

TEST(Fabric, EveryRouteIsAWalkOverJoinedLinks) {
  for (const Topology& topology : small_clusters()) {
    const Fabric fabric(topology, topology.num_gpus());
    const Walker walker(fabric, 1);
    for (std::int64_t from = 0; from < fabric.num_gpus(); ++from)
      for (std::int64_t to = 0; to < fabric.num_gpus(); ++to) {
        const auto path = route(fabric, from, to);
        EXPECT_TRUE(walker.leads(vertex_of(fabric, from), vertex_of(fabric, to), path))
            << from << " to " << to << ": " << names(fabric, path);
        EXPECT_EQ(path.empty(), from == to);
      }
  }
}

TEST(Fabric, EveryRouteOnARailIsAWalkAndUsesThatNicAlone) {
  for (const Topology& topology : small_clusters()) {
    const Fabric fabric(topology, topology.num_gpus());
    const Walker walker(fabric, 1);
    for (std::int64_t from = 0; from < fabric.num_gpus(); ++from)
      for (std::int64_t to = 0; to < fabric.num_gpus(); ++to)
        for (std::int64_t rail = 0; rail < topology.node.nics; ++rail) {
          const auto path = route_on_rail(fabric, from, to, rail);
          ASSERT_TRUE(walker.leads(vertex_of(fabric, from), vertex_of(fabric, to), path))
              << from << " to " << to << ": " << names(fabric, path);
          if (fabric.node_of(from) == fabric.node_of(to)) continue;
          EXPECT_NE(names(fabric, path).find("nic " + std::to_string(rail) + " -> "),
                    std::string::npos);
        }
  }
}

TEST(Fabric, TheWayBackIsAsLongAndSharesNoLink) {
  for (const Topology& topology : small_clusters()) {
    const Fabric fabric(topology, topology.num_gpus());
    for (std::int64_t from = 0; from < fabric.num_gpus(); ++from)
      for (std::int64_t to = 0; to < from; ++to) {
        const auto there = route(fabric, from, to);
        const auto back = route(fabric, to, from);
        EXPECT_EQ(there.size(), back.size());
        const std::set<LinkId> used(there.begin(), there.end());
        EXPECT_EQ(used.size(), there.size()) << "a link is passed twice";
        for (const LinkId link : back) EXPECT_FALSE(used.contains(link));
      }
  }
}

TEST(Fabric, EveryLinkStandsInOneWire) {
  for (const Topology& topology : small_clusters()) {
    const Fabric fabric(topology, topology.num_gpus());
    std::vector<int> seen(fabric.links().size(), 0);
    for (const Wire& wire : fabric.wires())
      if (wire.link != Wire::kNoLink) ++seen[wire.link];
    EXPECT_EQ(seen, std::vector<int>(fabric.links().size(), 1));
  }
}

TEST(Fabric, NvswitchTakesOneLinkUpAndOneDown) {
  const Fabric fabric(nvswitch_cluster(2), 16);
  EXPECT_EQ(names(fabric, route(fabric, 10, 13)),
            "node 1 gpu 2 -> node 1 switch 0; node 1 switch 0 -> node 1 gpu 5");
}

TEST(Fabric, BetweenNodesEachGpuUsesItsOwnNicAndNoNvlink) {
  const Fabric fabric(nvswitch_cluster(2), 16);
  EXPECT_EQ(names(fabric, route(fabric, 2, 13)), "node 0 nic 2 -> core; core -> node 1 nic 5");
}

TEST(Fabric, OnAForeignRailTheOwnersOfTheNicRelay) {
  const Fabric fabric(nvswitch_cluster(2), 16);
  EXPECT_EQ(names(fabric, route_on_rail(fabric, 2, 13, 7)),
            "node 0 gpu 2 -> node 0 switch 0; node 0 switch 0 -> node 0 gpu 7; "
            "node 0 nic 7 -> core; core -> node 1 nic 7; "
            "node 1 gpu 7 -> node 1 switch 0; node 1 switch 0 -> node 1 gpu 5");
}

TEST(Fabric, NeighboursShareANicWhereThereAreFewerNicsThanGpus) {
  // 8 GPUs and 4 NICs: GPU 0 and 1 use NIC 0, 2 and 3 NIC 1, ...
  const Fabric fabric(nvswitch_cluster(2, 8, 4), 16);
  const std::vector<std::int64_t> expected = {0, 0, 1, 1, 2, 2, 3, 3};
  for (std::int64_t gpu = 0; gpu < 16; ++gpu)
    EXPECT_EQ(fabric.nic_of(gpu), expected[static_cast<std::size_t>(gpu % 8)]);
  EXPECT_EQ(route(fabric, 0, 8), route(fabric, 1, 9));
  EXPECT_NE(route(fabric, 0, 8), route(fabric, 2, 8));
}

TEST(Fabric, WithoutNicsThereIsNoNicToName) {
  const Fabric fabric(nvswitch_cluster(1, 8, 0), 8);
  EXPECT_EQ(fabric.nic_of(3), -1);
  EXPECT_EQ(fabric.links().size(), 16u);  // 8 up, 8 down
}

TEST(Fabric, RailTrafficStaysBelowTheLeafWithinAPod) {
  const Fabric fabric(rail_cluster(4, 2), 16);  // 4 nodes of 4 GPUs, 2 nodes a pod
  EXPECT_EQ(names(fabric, route(fabric, 1, 5)),
            "node 0 nic 1 -> pod 0 leaf 1; pod 0 leaf 1 -> node 1 nic 1");
}

TEST(Fabric, RailTrafficClimbsToTheSpineBetweenPodsAndBetweenRails) {
  const Fabric fabric(rail_cluster(4, 2), 16);
  EXPECT_EQ(names(fabric, route(fabric, 1, 13)),
            "node 0 nic 1 -> pod 0 leaf 1; pod 0 leaf 1 -> core; core -> pod 1 leaf 1; "
            "pod 1 leaf 1 -> node 3 nic 1");
  EXPECT_EQ(names(fabric, route(fabric, 1, 6)),
            "node 0 nic 1 -> pod 0 leaf 1; pod 0 leaf 1 -> core; core -> pod 0 leaf 2; "
            "pod 0 leaf 2 -> node 1 nic 2");
}

TEST(Fabric, OversubscriptionDividesTheUplinksOfALeaf) {
  // 2 nodes x 25 GB/s below a leaf, oversubscribed 4 : 1, leave 12.5 GB/s above.
  const Fabric fabric(rail_cluster(4, 2, 4.0), 16);
  const std::vector<LinkId> path = route(fabric, 0, 15);
  ASSERT_EQ(kinds(fabric, path), (std::vector<LinkKind>{LinkKind::kNicUp, LinkKind::kLeafUp,
                                                        LinkKind::kLeafDown, LinkKind::kNicDown}));
  EXPECT_DOUBLE_EQ(fabric.links()[path[1]].capacity.value(), 12.5e9);
  EXPECT_DOUBLE_EQ(fabric.links()[path[2]].capacity.value(), 12.5e9);
  EXPECT_DOUBLE_EQ(fabric.links()[path[0]].capacity.value(), 25e9);
}

TEST(Fabric, AMeshRelaysOverTheGpusInBetween) {
  const Fabric fabric(chain_cluster(1, 4), 4);
  EXPECT_EQ(names(fabric, route(fabric, 3, 0)),
            "node 0 gpu 3 -> node 0 gpu 2; node 0 gpu 2 -> node 0 gpu 1; "
            "node 0 gpu 1 -> node 0 gpu 0");
}

TEST(Fabric, AMeshPrefersTheWiderOfTwoShortestWaysThenTheLowerGpu) {
  // A square 0 - 1 - 3 - 2 - 0. All alike: 0 reaches 3 over 1. A double link 0 = 2: over 2.
  Topology topology = nvswitch_cluster(1, 4, 0);
  topology.node.intra = IntraNode::kMesh;
  topology.node.mesh = {{0, 2, 1}, {2, 3, 1}, {0, 1, 1}, {1, 3, 1}};
  const Fabric even(topology, 4);
  EXPECT_EQ(names(even, route(even, 0, 3)),
            "node 0 gpu 0 -> node 0 gpu 1; node 0 gpu 1 -> node 0 gpu 3");
  topology.node.mesh[0].count = 2;
  const Fabric uneven(topology, 4);
  const std::vector<LinkId> path = route(uneven, 0, 3);
  EXPECT_EQ(names(uneven, path), "node 0 gpu 0 -> node 0 gpu 2; node 0 gpu 2 -> node 0 gpu 3");
  EXPECT_DOUBLE_EQ(uneven.links()[path[0]].capacity.value(), 600e9);
}

TEST(Fabric, PcieTrafficPassesTheCpuOnlyBetweenSwitches) {
  const Fabric fabric(pcie_cluster(2), 8);
  EXPECT_EQ(names(fabric, route(fabric, 0, 1)),
            "node 0 gpu 0 -> node 0 switch 0; node 0 switch 0 -> node 0 gpu 1");
  EXPECT_EQ(names(fabric, route(fabric, 0, 3)),
            "node 0 gpu 0 -> node 0 switch 0; node 0 switch 0 -> node 0 switch 2; "
            "node 0 switch 2 -> node 0 switch 1; node 0 switch 1 -> node 0 gpu 3");
}

TEST(Fabric, PcieTrafficToTheNicUsesTheSlotOfTheGpu) {
  const Fabric fabric(pcie_cluster(2), 8);
  EXPECT_EQ(names(fabric, route(fabric, 2, 5)),
            "node 0 gpu 2 -> node 0 switch 1; node 0 nic 1 -> core; core -> node 1 nic 0; "
            "node 1 switch 0 -> node 1 gpu 1");
}

TEST(Fabric, HoldsWholeNodesForAPartOfTheLast) {
  const Fabric fabric(nvswitch_cluster(4), 12);
  EXPECT_EQ(fabric.num_gpus(), 12);
  EXPECT_EQ(fabric.num_nodes(), 2);
  EXPECT_EQ(fabric.links().size(), 2u * 32u);  // per node 8 GPUs and 8 NICs, up and down
}

TEST(Fabric, RefusesMoreGpusThanThereAreAndFewerThanOne) {
  for (const std::int64_t num_gpus : {std::int64_t{33}, std::int64_t{0}, std::int64_t{-8}}) {
    try {
      const Fabric fabric(nvswitch_cluster(4), num_gpus);
      FAIL() << num_gpus;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInfeasible);
      EXPECT_NE(std::string(error.what()).find("must be 1 to 32"), std::string::npos);
    }
  }
}

TEST(Fabric, SixteenThousandGpusHaveTheLinksOfTheirNodesAndPods) {
  const Fabric fabric(rail_cluster(2048, 32, 1.0, 8, 8), 16'384);
  // Per node 16 links of GPUs and 16 of NICs; 64 pods of 8 leaves, up and down.
  EXPECT_EQ(fabric.links().size(), 2048u * 32u + 64u * 8u * 2u);
  EXPECT_EQ(route(fabric, 0, 16'383).size(), 4u);
}

}  // namespace
}  // namespace stepcast
