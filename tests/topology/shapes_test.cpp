// Every shape of fabric and node: routes that can be followed by finger, capacities worked out, and
// what all shapes share (routes are walks over joined links, every pair has one).
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/topology/clusters.h"
#include "tests/topology/walker.h"

namespace stepcast {
namespace {

Topology fat_tree(std::int64_t nodes, FabricSpec spec) {
  Topology topology = nvswitch_cluster(nodes, 2, 2);
  spec.kind = FabricKind::kFatTree;
  topology.fabric = spec;
  return topology;
}

Topology rail_only(std::int64_t nodes) {
  Topology topology = nvswitch_cluster(nodes, 4, 4);
  topology.fabric = {.kind = FabricKind::kRailOnly};
  return topology;
}

/// Groups of 3 routers with 2 nodes each.
Topology dragonfly(std::int64_t nodes, bool valiant = false) {
  Topology topology = nvswitch_cluster(nodes, 1, 1);
  topology.fabric = {.kind = FabricKind::kDragonfly,
                     .nodes_per_router = 2,
                     .routers_per_group = 3,
                     .local_bandwidth = BytesPerSec(50e9),
                     .global_bandwidth = BytesPerSec(100e9),
                     .global_latency = Seconds(1e-6),
                     .valiant = valiant};
  return topology;
}

Topology full_mesh(std::int64_t nodes) {
  Topology topology = dragonfly(nodes);
  topology.fabric.kind = FabricKind::kFullMesh;
  topology.fabric.routers_per_group = 1;
  return topology;
}

/// Switches a - b - d and a - c - d, a node on each of a and d.
Topology diamond() {
  Topology topology = nvswitch_cluster(2, 1, 1);
  const BytesPerSec rate(10e9);
  topology.fabric = {.kind = FabricKind::kGraph,
                     .switches = {"a", "b", "c", "d"},
                     .switch_links = {{.a = 0, .b = 1, .bandwidth = rate},
                                      {.a = 0, .b = 2, .bandwidth = rate},
                                      {.a = 1, .b = 3, .bandwidth = rate},
                                      {.a = 2, .b = 3, .bandwidth = rate}},
                     .nic_plugs = {{.node = 0, .plugged_into = 0}, {.node = 1, .plugged_into = 3}}};
  return topology;
}

/// 3 nodes on rails in the east, 2 on a fat tree in the west, 1 on a switch in the north; east and
/// north have no WAN of their own.
Topology three_data_centers() {
  Topology topology = nvswitch_cluster(6, 2, 2);
  topology.data_centers = {
      {.name = "east",
       .num_nodes = 3,
       .fabric = {.kind = FabricKind::kRailOptimized, .nodes_per_leaf = 2}},
      {.name = "west",
       .num_nodes = 2,
       .fabric =
           {.kind = FabricKind::kFatTree, .nodes_per_leaf = 1, .leaves_per_pod = 1, .uplinks = 2}},
      {.name = "north", .num_nodes = 1, .fabric = {.kind = FabricKind::kSingleSwitch}}};
  topology.wan = {{.a = 0, .b = 1, .bandwidth = BytesPerSec(100e9), .latency = Seconds(0.01)},
                  {.a = 1, .b = 2, .bandwidth = BytesPerSec(50e9), .latency = Seconds(0.02)}};
  return topology;
}

Topology two_kinds_of_nodes() {
  Topology topology = rail_cluster(3, 2, 1, 4, 4);
  NodeGroup large{.num_nodes = 2, .node = topology.node, .device = {}};
  NodeGroup small = large;
  small.num_nodes = 3;
  small.node.gpus = 2;
  small.node.nics = 1;
  small.node.nic_bandwidth = BytesPerSec(50e9);
  topology.node_groups = {large, small};
  topology.num_nodes = 5;
  return topology;
}

Topology grid_node(IntraNode kind, std::vector<std::int64_t> dims, bool wrap = true) {
  std::int64_t gpus = 1;
  for (const std::int64_t size : dims) gpus *= size;
  Topology topology = nvswitch_cluster(1, gpus, 0);
  topology.node.intra = kind;
  topology.node.dims = std::move(dims);
  topology.node.wrap = wrap;
  topology.node.intra_bandwidth = BytesPerSec(50e9);
  return topology;
}

Topology hamming_mesh(std::vector<std::int64_t> dims, std::vector<std::int64_t> board) {
  Topology topology = grid_node(IntraNode::kHammingMesh, std::move(dims));
  topology.node.board = std::move(board);
  return topology;
}

/// Two sockets, four switches of two GPUs.
Topology numa_node(std::int64_t nodes) {
  Topology topology = nvswitch_cluster(nodes, 8, 4);
  topology.node.intra = IntraNode::kPcie;
  topology.node.gpus_per_pcie_switch = 2;
  topology.node.sockets = 2;
  topology.node.socket_bandwidth = BytesPerSec(40e9);
  return topology;
}

std::vector<Topology> all_shapes() {
  return {fat_tree(5, {.nodes_per_leaf = 2}),
          fat_tree(9, {.nodes_per_leaf = 1, .leaves_per_pod = 2, .uplinks = 3}),
          rail_only(3),
          dragonfly(13),
          dragonfly(24, true),
          full_mesh(7),
          diamond(),
          three_data_centers(),
          two_kinds_of_nodes(),
          grid_node(IntraNode::kTorus, {5}),
          grid_node(IntraNode::kTorus, {4, 3}),
          grid_node(IntraNode::kTorus, {2, 3, 4}),
          grid_node(IntraNode::kTorus, {3, 4}, false),
          hamming_mesh({4, 6}, {2, 3}),
          hamming_mesh({4, 2}, {1, 1}),
          numa_node(2)};
}

TEST(Shapes, EveryPairHasARouteOverJoinedLinksThatPassesNoLinkTwice) {
  for (const Topology& topology : all_shapes()) {
    const Fabric fabric(topology, topology.num_gpus());
    const Walker walker(fabric, 2);  // a core switch, its gateway
    for (std::int64_t from = 0; from < fabric.num_gpus(); ++from)
      for (std::int64_t to = 0; to < fabric.num_gpus(); ++to) {
        const auto path = route(fabric, from, to);
        ASSERT_TRUE(walker.leads(vertex_of(fabric, from), vertex_of(fabric, to), path))
            << from << " to " << to << ": " << names(fabric, path);
        ASSERT_EQ(std::set<LinkId>(path.begin(), path.end()).size(), path.size());
        ASSERT_EQ(path.empty(), from == to);
      }
  }
}

TEST(Shapes, EveryLinkStandsInOneWireAndTheGraphIsConnected) {
  for (const Topology& topology : all_shapes()) {
    const Fabric fabric(topology, topology.num_gpus());
    std::vector<int> seen(fabric.links().size(), 0);
    for (const Wire& wire : fabric.wires())
      if (wire.link != Wire::kNoLink) ++seen[wire.link];
    EXPECT_EQ(seen, std::vector<int>(fabric.links().size(), 1));
    EXPECT_TRUE(inspect(topology, topology.num_gpus()).connected);
  }
}

TEST(FatTree, ThreeLevelsClimbAsFarAsTheyMust) {
  // One node a leaf, two leaves a pod. 2 NICs of 25 GB/s into a leaf, 2 : 1 above it: 25 GB/s; two
  // leaves into a spine, 4 : 1 above it: 12.5 GB/s.
  const Fabric fabric(fat_tree(4, {.nodes_per_leaf = 1,
                                   .oversubscription = 2,
                                   .leaves_per_pod = 2,
                                   .spine_oversubscription = 4}),
                      8);
  EXPECT_EQ(names(fabric, route(fabric, 0, 2)),
            "node 0 nic 0 -> pod 0 leaf 0; pod 0 leaf 0 -> pod 0 spine 0; "
            "pod 0 spine 0 -> pod 0 leaf 1; pod 0 leaf 1 -> node 1 nic 0");
  const std::vector<LinkId> far = route(fabric, 1, 7);
  EXPECT_EQ(names(fabric, far),
            "node 0 nic 1 -> pod 0 leaf 0; pod 0 leaf 0 -> pod 0 spine 0; pod 0 spine 0 -> core; "
            "core -> pod 1 spine 0; pod 1 spine 0 -> pod 1 leaf 1; pod 1 leaf 1 -> node 3 nic 1");
  EXPECT_DOUBLE_EQ(fabric.links()[far[1]].capacity.value(), 25e9);
  EXPECT_DOUBLE_EQ(fabric.links()[far[2]].capacity.value(), 12.5e9);
}

TEST(FatTree, HashedFlowsKeepTheirUplinkAndCollide) {
  // 16 nodes under a leaf, 16 under another, 32 NICs each: 32 uplinks of 25 GB/s, no
  // oversubscription.
  const Fabric fabric(fat_tree(32, {.nodes_per_leaf = 16, .uplinks = 32}), 64);
  std::map<LinkId, int> flows;
  for (std::int64_t gpu = 0; gpu < 32; ++gpu) {
    const std::vector<LinkId> path = route(fabric, gpu, gpu + 32);
    EXPECT_EQ(path, route(fabric, gpu, gpu + 32));
    EXPECT_DOUBLE_EQ(fabric.links()[path[1]].capacity.value(), 25e9);
    ++flows[path[1]];
  }
  // 32 balls in 32 urns leave about 32 / e = 12 empty, and some with several.
  EXPECT_GT(flows.size(), 14u);
  EXPECT_LT(flows.size(), 28u);
}

TEST(RailOnly, ChangesRailsOverNvlinkBeforeItLeaves) {
  const Fabric fabric(rail_only(2), 8);
  EXPECT_EQ(names(fabric, route(fabric, 1, 7)),
            "node 0 gpu 1 -> node 0 switch 0; node 0 switch 0 -> node 0 gpu 3; "
            "node 0 nic 3 -> pod 0 leaf 3; pod 0 leaf 3 -> node 1 nic 3");
  EXPECT_EQ(names(fabric, route(fabric, 1, 5)),
            "node 0 nic 1 -> pod 0 leaf 1; pod 0 leaf 1 -> node 1 nic 1");
}

TEST(Dragonfly, TakesAtMostOneGlobalLinkMinimally) {
  // Nodes 0-5 are group 0, 6-11 group 1, 12-17 group 2, 18-23 group 3. From group 0 the bundles to
  // groups 1, 2, 3 start at routers 0, 1, 2; back from group 2 the one to group 0 starts at router
  // 0.
  const Fabric fabric(dragonfly(24), 24);
  EXPECT_EQ(names(fabric, route(fabric, 0, 17)),
            "node 0 nic 0 -> pod 0 leaf 0; pod 0 leaf 0 -> pod 0 leaf 1; "
            "pod 0 leaf 1 -> pod 2 leaf 0; pod 2 leaf 0 -> pod 2 leaf 2; "
            "pod 2 leaf 2 -> node 17 nic 0");
  EXPECT_DOUBLE_EQ(fabric.latency_of(route(fabric, 0, 17)).value(), 1e-6);
  EXPECT_EQ(route(fabric, 0, 1).size(), 2u);
}

TEST(Dragonfly, ValiantsWaysSpreadOverThirdGroups) {
  const Fabric minimal(dragonfly(24), 24), valiant(dragonfly(24, true), 24);
  const auto globals = [](const Fabric& fabric) {
    std::set<LinkId> used;
    for (std::int64_t from = 0; from < 6; ++from)
      for (std::int64_t to = 6; to < 12; ++to)
        for (const LinkId link : route(fabric, from, to))
          if (fabric.links()[link].capacity.value() == 100e9) used.insert(link);
    return used.size();
  };
  EXPECT_EQ(globals(minimal), 1u);  // all from group 0 to group 1 share one bundle
  EXPECT_EQ(globals(valiant), 5u);  // 0-1, 0-2, 2-1, 0-3, 3-1
}

TEST(DataCenters, WaysLeadOverTheWanAndAddUpItsLatency) {
  const Fabric fabric(three_data_centers(), 12);
  EXPECT_EQ(fabric.data_center_of(2), 0);
  EXPECT_EQ(fabric.data_center_of(3), 1);
  const std::vector<LinkId> path = route(fabric, 0, 11);  // east to north, by way of west
  EXPECT_NEAR(fabric.latency_of(path).value(), 0.03, 1e-15);
  EXPECT_EQ(names(fabric, path),
            "node 0 nic 0 -> east pod 0 leaf 0; east pod 0 leaf 0 -> east core; "
            "gateway of east -> gateway of west; gateway of west -> gateway of north; "
            "north core -> node 5 nic 1");
  for (const LinkId link : route(fabric, 0, 5))
    EXPECT_NE(fabric.links()[link].kind, LinkKind::kWan) << "inside the east";
}

TEST(SwitchGraph, TakesOneOfTheShortestWays) {
  const Fabric fabric(diamond(), 2);
  const std::vector<LinkId> path = route(fabric, 0, 1);
  ASSERT_EQ(path.size(), 4u);
  EXPECT_DOUBLE_EQ(fabric.links()[path[1]].capacity.value(), 10e9);
  const std::string text = names(fabric, path);
  EXPECT_TRUE(text.starts_with("node 0 nic 0 -> switch a; switch a -> switch ")) << text;
}

TEST(NodeGroups, GpusAreNumberedNodeByNode) {
  // Two nodes of 4 GPUs, then three of 2 with one NIC.
  const Fabric fabric(two_kinds_of_nodes(), 14);
  EXPECT_EQ(fabric.num_nodes(), 5);
  EXPECT_EQ(fabric.node_of(7), 1);
  EXPECT_EQ(fabric.node_of(8), 2);
  EXPECT_EQ(fabric.first_gpu_of(3), 10);
  EXPECT_EQ(fabric.nic_of(11), 0);
  EXPECT_EQ(fabric.gpus_per_node(), 4);
  EXPECT_EQ(names(fabric, route(fabric, 3, 13)),
            "node 0 nic 3 -> pod 0 leaf 3; pod 0 leaf 3 -> core; core -> pod 2 leaf 0; "
            "pod 2 leaf 0 -> node 4 nic 0");
  EXPECT_EQ(Fabric(two_kinds_of_nodes(), 9).num_nodes(), 3);
}

TEST(Torus, GoesTheShorterWayRound) {
  const Fabric fabric(grid_node(IntraNode::kTorus, {4, 5}), 20);
  EXPECT_EQ(names(fabric, route(fabric, 0, 4)), "node 0 gpu 0 -> node 0 gpu 4");
  EXPECT_EQ(names(fabric, route(fabric, 0, 16)),
            "node 0 gpu 0 -> node 0 gpu 15; node 0 gpu 15 -> node 0 gpu 16");
  // Halfway round: even coordinates go up, odd ones down.
  EXPECT_EQ(names(fabric, route(fabric, 0, 10)),
            "node 0 gpu 0 -> node 0 gpu 5; node 0 gpu 5 -> node 0 gpu 10");
  EXPECT_EQ(names(fabric, route(fabric, 5, 15)),
            "node 0 gpu 5 -> node 0 gpu 0; node 0 gpu 0 -> node 0 gpu 15");
  EXPECT_EQ(fabric.links().size(), 20u * 4u);
}

TEST(Torus, WithoutWrapTheEndsAreApart) {
  const Fabric fabric(grid_node(IntraNode::kTorus, {2, 3}, false), 6);
  EXPECT_EQ(route(fabric, 0, 2).size(), 2u);
  EXPECT_EQ(fabric.links().size(), 2u * (2 * 2 + 3));  // 4 along rows, 3 between them, both ways
}

TEST(HammingMesh, CrossesBoardsThroughTheSwitchOfTheRow) {
  // Boards of 2 x 3 GPUs, 2 x 2 boards; 24 GPUs, 6 columns.
  const Fabric fabric(hamming_mesh({4, 6}, {2, 3}), 24);
  EXPECT_EQ(names(fabric, route(fabric, 2, 3)),
            "node 0 gpu 2 -> node 0 switch 0; node 0 switch 0 -> node 0 gpu 3");
  // From the middle of a board the shorter way round decides: column 0 to 4 goes back.
  EXPECT_EQ(names(fabric, route(fabric, 0, 4)),
            "node 0 gpu 0 -> node 0 switch 0; node 0 switch 0 -> node 0 gpu 5; "
            "node 0 gpu 5 -> node 0 gpu 4");
  EXPECT_EQ(names(fabric, route(fabric, 6, 12)),
            "node 0 gpu 6 -> node 0 switch 4; node 0 switch 4 -> node 0 gpu 12");
}

TEST(PcieNuma, CrossesTheLinkBetweenSockets) {
  const Fabric fabric(numa_node(1), 8);
  EXPECT_EQ(names(fabric, route(fabric, 0, 2)),
            "node 0 gpu 0 -> node 0 switch 0; node 0 switch 0 -> node 0 switch 4; "
            "node 0 switch 4 -> node 0 switch 1; node 0 switch 1 -> node 0 gpu 2");
  const std::vector<LinkId> far = route(fabric, 0, 7);
  EXPECT_EQ(names(fabric, far),
            "node 0 gpu 0 -> node 0 switch 0; node 0 switch 0 -> node 0 switch 4; "
            "node 0 switch 4 -> node 0 switch 5; node 0 switch 5 -> node 0 switch 3; "
            "node 0 switch 3 -> node 0 gpu 7");
  EXPECT_DOUBLE_EQ(fabric.links()[far[2]].capacity.value(), 40e9);
}

}  // namespace
}  // namespace stepcast
