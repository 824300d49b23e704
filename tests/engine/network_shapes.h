// Every shape of network that a topology file can describe, small enough for the message level.
#pragma once

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/engine/small_clusters.h"

namespace stepcast {

struct NetworkShape {
  std::string name;
  Topology topology;
};
inline void PrintTo(const NetworkShape& shape, std::ostream* out) { *out << shape.name; }

inline Topology with_fabric(FabricSpec fabric, std::int64_t nodes = 8, std::int64_t nics = 4) {
  Topology topology = nvswitch_cluster({.nodes = nodes, .nics = nics});
  topology.fabric = std::move(fabric);
  return topology;
}

/// One node of GPUs in a grid, 50 GB/s to each neighbour.
inline Topology grid(IntraNode kind, std::vector<std::int64_t> dims,
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

inline Topology two_data_centers() {
  Topology topology = nvswitch_cluster({.nodes = 8, .nics = 4});
  const FabricSpec rails{.kind = FabricKind::kRailOptimized, .nodes_per_leaf = 2};
  topology.data_centers = {{.name = "east", .num_nodes = 4, .fabric = rails},
                           {.name = "west", .num_nodes = 4, .fabric = rails}};
  topology.wan = {{.a = 0, .b = 1, .bandwidth = BytesPerSec(20e9), .latency = Seconds(1e-4)}};
  return topology;
}

inline Topology uneven_nodes() {
  Topology topology = with_fabric({.kind = FabricKind::kRailOptimized, .nodes_per_leaf = 2});
  NodeGroup large{.num_nodes = 4, .node = topology.node, .device = {}};
  NodeGroup small = large;
  small.node.gpus = 4;
  topology.node_groups = {large, small};
  return topology;
}

inline FabricSpec dragonfly(bool valiant) {
  return {.kind = FabricKind::kDragonfly,
          .nodes_per_router = 1,
          .routers_per_group = 2,
          .local_bandwidth = BytesPerSec(80e9),
          .global_bandwidth = BytesPerSec(60e9),
          .valiant = valiant};
}

/// Four switches in a circle whose links are not alike, two nodes on each.
inline Topology circle_of_switches() {
  FabricSpec fabric{.kind = FabricKind::kGraph, .switches = {"north", "east", "south", "west"}};
  for (std::int64_t at = 0; at < 4; ++at)
    fabric.switch_links.push_back({.a = at,
                                   .b = (at + 1) % 4,
                                   .bandwidth = BytesPerSec(at == 1 ? 60e9 : 100e9),
                                   .latency = Seconds(1e-6)});
  for (std::int64_t node = 0; node < 8; ++node)
    for (std::int64_t nic = 0; nic < 4; ++nic)
      fabric.nic_plugs.push_back({.node = node, .nic = nic, .plugged_into = node / 2});
  return with_fabric(std::move(fabric));
}

/// NVL72 racks: 72 GPUs of 900 GB/s behind one NVSwitch, 4 NICs of 200 GB/s.
inline Topology nvl72(std::int64_t racks) {
  Topology topology = nvswitch_cluster({.nodes = racks, .nvlink = 900e9, .nic = 200e9, .nics = 4});
  topology.node.gpus = 72;
  return topology;
}

/// DGX-1: the hybrid cube mesh, 4 NICs of 12.5 GB/s.
inline Topology dgx1(std::int64_t nodes) {
  Topology topology = cube_mesh_node();
  topology.num_nodes = nodes;
  topology.node.nics = 4;
  topology.node.nic_bandwidth = BytesPerSec(12.5e9);
  topology.fabric = {.kind = FabricKind::kSingleSwitch};
  return topology;
}

/// 8 GPUs, two on a PCIe switch, two sockets; a NIC of 12.5 GB/s on every switch.
inline Topology pcie(std::int64_t nodes) {
  Topology topology = nvswitch_cluster({.nodes = nodes, .nic = 12.5e9, .nics = 4});
  topology.node.intra = IntraNode::kPcie;
  topology.node.intra_bandwidth = BytesPerSec(25e9);
  topology.node.gpus_per_pcie_switch = 2;
  topology.node.sockets = 2;
  topology.node.socket_bandwidth = BytesPerSec(20e9);
  topology.fabric = {.kind = FabricKind::kSingleSwitch};
  return topology;
}

inline std::vector<NetworkShape> network_shapes() {
  const FabricSpec fat_tree{.kind = FabricKind::kFatTree, .nodes_per_leaf = 2};
  FabricSpec narrow = fat_tree, three_levels = fat_tree, hashed = fat_tree;
  narrow.oversubscription = 4;
  three_levels.nodes_per_leaf = 1;
  three_levels.leaves_per_pod = 2;
  three_levels.spine_oversubscription = 2;
  hashed.uplinks = 4;
  FabricSpec rails{.kind = FabricKind::kRailOptimized, .nodes_per_leaf = 2}, narrow_rails = rails;
  narrow_rails.oversubscription = 4;
  return {
      {"NVSwitch node", nvswitch_cluster({.nodes = 1})},
      {"DGX-1", dgx1(1)},
      {"PCIe and NUMA", pcie(1)},
      {"NVL72", nvl72(1)},
      {"single switch", with_fabric({.kind = FabricKind::kSingleSwitch})},
      {"DGX-1 nodes", dgx1(4)},
      {"PCIe nodes", pcie(4)},
      {"NVL72 racks", nvl72(2)},
      {"rails", with_fabric(rails)},
      {"rails 4:1", with_fabric(narrow_rails)},
      {"rail only", with_fabric({.kind = FabricKind::kRailOnly})},
      {"fat tree", with_fabric(fat_tree)},
      {"fat tree 4:1", with_fabric(narrow)},
      {"three levels", with_fabric(three_levels)},
      {"hashed", with_fabric(hashed)},
      {"dragonfly", with_fabric(dragonfly(false))},
      {"dragonfly, Valiant", with_fabric(dragonfly(true))},
      {"full mesh", with_fabric({.kind = FabricKind::kFullMesh,
                                 .nodes_per_router = 2,
                                 .global_bandwidth = BytesPerSec(50e9)})},
      {"explicit graph", circle_of_switches()},
      {"two data centres", two_data_centers()},
      {"uneven nodes", uneven_nodes()},
      {"torus 4 x 4", grid(IntraNode::kTorus, {4, 4})},
      {"torus 3 x 4", grid(IntraNode::kTorus, {3, 4})},
      {"torus 4 x 4 x 4", grid(IntraNode::kTorus, {4, 4, 4})},
      {"HammingMesh", grid(IntraNode::kHammingMesh, {4, 4}, {2, 2})},
  };
}

}  // namespace stepcast
