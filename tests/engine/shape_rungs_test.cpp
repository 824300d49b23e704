// Every shape of network on two rungs: coupled transfers take what the chunks take.
#include <gtest/gtest.h>

#include <string>

#include "tests/engine/rungs.h"

namespace stepcast {
namespace {

struct Shape {
  std::string name;
  Topology topology;
};

Topology with_fabric(FabricSpec fabric, std::int64_t nodes = 8, std::int64_t nics = 4) {
  Topology topology = nvswitch_cluster({.nodes = nodes, .nics = nics});
  topology.fabric = std::move(fabric);
  return topology;
}

Topology grid(IntraNode kind, std::vector<std::int64_t> dims,
              std::vector<std::int64_t> board = {}) {
  Topology topology = nvswitch_cluster({});
  topology.node.intra = kind;
  topology.node.intra_bandwidth = BytesPerSec(50e9);
  topology.node.gpus = 1;
  for (const std::int64_t size : dims) topology.node.gpus *= size;
  topology.node.nics = 0;
  topology.node.dims = std::move(dims);
  topology.node.board = std::move(board);
  return topology;
}

Topology two_data_centers() {
  Topology topology = nvswitch_cluster({.nodes = 8, .nics = 4});
  const FabricSpec rails{.kind = FabricKind::kRailOptimized, .nodes_per_leaf = 2};
  topology.data_centers = {{.name = "east", .num_nodes = 4, .fabric = rails},
                           {.name = "west", .num_nodes = 4, .fabric = rails}};
  topology.wan = {{.a = 0, .b = 1, .bandwidth = BytesPerSec(20e9), .latency = Seconds(1e-4)}};
  return topology;
}

Topology uneven_nodes() {
  Topology topology = with_fabric({.kind = FabricKind::kRailOptimized, .nodes_per_leaf = 2});
  NodeGroup large{.num_nodes = 4, .node = topology.node, .device = {}};
  NodeGroup small = large;
  small.node.gpus = 4;
  topology.node_groups = {large, small};
  return topology;
}

FabricSpec dragonfly(bool valiant) {
  return {.kind = FabricKind::kDragonfly,
          .nodes_per_router = 1,
          .routers_per_group = 2,
          .local_bandwidth = BytesPerSec(80e9),
          .global_bandwidth = BytesPerSec(60e9),
          .valiant = valiant};
}

std::vector<Shape> shapes() {
  return {
      {"fat tree", with_fabric({.kind = FabricKind::kFatTree, .nodes_per_leaf = 2})},
      {"fat tree 4:1",
       with_fabric({.kind = FabricKind::kFatTree, .nodes_per_leaf = 2, .oversubscription = 4})},
      {"three levels", with_fabric({.kind = FabricKind::kFatTree,
                                    .nodes_per_leaf = 1,
                                    .leaves_per_pod = 2,
                                    .spine_oversubscription = 2})},
      {"hashed", with_fabric({.kind = FabricKind::kFatTree, .nodes_per_leaf = 2, .uplinks = 4})},
      {"rail only", with_fabric({.kind = FabricKind::kRailOnly})},
      {"dragonfly", with_fabric(dragonfly(false))},
      {"dragonfly, Valiant", with_fabric(dragonfly(true))},
      {"full mesh", with_fabric({.kind = FabricKind::kFullMesh,
                                 .nodes_per_router = 2,
                                 .global_bandwidth = BytesPerSec(50e9)})},
      {"two data centres", two_data_centers()},
      {"uneven nodes", uneven_nodes()},
      {"torus 4 x 4", grid(IntraNode::kTorus, {4, 4})},
      {"torus 3 x 4", grid(IntraNode::kTorus, {3, 4})},
      {"torus 4 x 4 x 4", grid(IntraNode::kTorus, {4, 4, 4})},
      {"HammingMesh", grid(IntraNode::kHammingMesh, {4, 4}, {2, 2})},
  };
}

/// Coupled transfers over chunks.
double ratio(const Fabric& fabric, const NetworkProfile& profile, const Launch& launch) {
  return fluid(fabric, profile, {launch})[0] / messages(fabric, profile, {launch})[0];
}

TEST(ShapeRungs, RingsAloneTakeWhatTheirChunksTake) {
  const NetworkProfile profile = with_hops(0.2e-6, 1e-6);
  for (const Shape& shape : shapes()) {
    const Fabric fabric(shape.topology, shape.topology.num_gpus());
    const auto all = gpus(static_cast<std::uint32_t>(fabric.num_gpus()));
    for (CollectiveKind kind : {CollectiveKind::kAllReduce, CollectiveKind::kAllGather})
      EXPECT_NEAR(ratio(fabric, profile, {all, kind, Bytes(8'000'000'000)}), 1, 0.005)
          << shape.name;
  }
}

TEST(ShapeRungs, ExchangesOfAGpuPerNodeTakeWhatTheirChunksTake) {
  const NetworkProfile profile = with_hops(0, 0);
  for (const Shape& shape : shapes()) {
    const Fabric fabric(shape.topology, shape.topology.num_gpus());
    if (fabric.num_gpus() == 4 * 4 * 4 && fabric.num_nodes() == 1) continue;  // takes minutes
    std::vector<std::uint32_t> members;
    for (std::int64_t gpu = 0; gpu < fabric.num_gpus(); ++gpu)
      if (fabric.num_nodes() == 1 || fabric.first_gpu_of(fabric.node_of(gpu)) == gpu)
        members.push_back(static_cast<std::uint32_t>(gpu));
    EXPECT_NEAR(ratio(fabric, profile, {members, CollectiveKind::kAllToAll, Bytes(1'000'000'000)}),
                1, 0.005)
        << shape.name;
  }
}

TEST(ShapeRungs, TwoRingsShareAnOversubscribedSpine) {
  // Leaves of one node, two groups of a GPU on every node and of the same NIC: both cross the 4 : 1
  // links above the leaves with every hop, beside each other.
  for (const std::int64_t uplinks : {0, 2}) {
    const Fabric fabric(with_fabric({.kind = FabricKind::kFatTree,
                                     .nodes_per_leaf = 1,
                                     .oversubscription = 4,
                                     .uplinks = uplinks}),
                        64);
    const std::vector<Launch> launches{
        {gpus(8, 8), CollectiveKind::kAllReduce, Bytes(512'000'000)},
        {gpus(8, 8, 1), CollectiveKind::kAllReduce, Bytes(256'000'000)}};
    const NetworkProfile profile = with_hops(1e-6, 5e-6);
    EXPECT_NEAR(
        latest(fluid(fabric, profile, launches)) / latest(messages(fabric, profile, launches)), 1,
        0.01);
  }
}

}  // namespace
}  // namespace stepcast
