// The tables of shapes, and what nodes of most shapes have in common.
#include <algorithm>
#include <array>

#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {
namespace {

constexpr std::array kNodeShapes = {
    NodeShape{IntraNode::kNvswitch, "nvswitch", "every GPU linked to one non-blocking NVSwitch",
              read_nvswitch, wire_nvswitch},
    NodeShape{IntraNode::kMesh, "mesh", "NVLinks pair by pair, relayed by GPUs in between",
              read_mesh, wire_mesh},
    NodeShape{IntraNode::kPcie, "pcie", "GPUs and NICs under PCIe switches, CPUs between them",
              read_pcie, wire_pcie},
    NodeShape{IntraNode::kTorus, "torus", "chips in a grid of 1 to 3 dimensions, linked directly",
              read_torus, wire_torus},
    NodeShape{IntraNode::kHammingMesh, "hamming_mesh",
              "boards of GPUs in a grid, a switch for every row and column", read_hamming_mesh,
              wire_hamming_mesh},
};

constexpr std::array kFabricShapes = {
    FabricShape{FabricKind::kSingleSwitch, "single_switch", "all NICs on one non-blocking switch",
                true, read_single_switch, nullptr, wire_single_switch},
    FabricShape{FabricKind::kRailOptimized, "rail_optimized",
                "NIC i of all nodes of a pod on leaf i, leaves joined by a spine", true,
                read_rail_optimized, nullptr, wire_rail_optimized},
    FabricShape{FabricKind::kRailOnly, "rail_only",
                "NIC i of all nodes on switch i, and nothing between the switches", false,
                read_rail_only, check_rail_only, wire_rail_only},
    FabricShape{FabricKind::kFatTree, "fat_tree",
                "all NICs of a node on one leaf, two or three levels, hashed or sprayed", true,
                read_fat_tree, nullptr, wire_fat_tree},
    FabricShape{FabricKind::kDragonfly, "dragonfly",
                "groups of routers, all joined; minimal or Valiant's routing", true, read_dragonfly,
                nullptr, wire_dragonfly},
    FabricShape{FabricKind::kFullMesh, "full_mesh", "pods behind a switch each, every two joined",
                true, read_full_mesh, nullptr, wire_dragonfly},
    FabricShape{FabricKind::kGraph, "graph", "switches and links one by one", false,
                read_switch_graph, check_switch_graph, wire_switch_graph},
};

/// The row of a kind that is known to exist.
template <typename Row, typename Kind>
const Row& row_of(std::span<const Row> table, Kind kind) {
  const auto row = std::ranges::find(table, kind, &Row::kind);
  STEPCAST_CHECK(row != table.end(), "a kind of node or fabric has no row in shapes.cpp");
  return *row;
}

}  // namespace

std::span<const NodeShape> node_shapes() { return kNodeShapes; }
std::span<const FabricShape> fabric_shapes() { return kFabricShapes; }
const NodeShape& node_shape(IntraNode kind) { return row_of(node_shapes(), kind); }
const FabricShape& fabric_shape(FabricKind kind) { return row_of(fabric_shapes(), kind); }

void NodeWiring::route_to_nic(std::int64_t gpu, std::int64_t nic, LinkId base,
                              std::vector<LinkId>& path) const {
  if (nic_of(node_, gpu) != nic) route(gpu, owner_of_nic(node_, nic), base, path);
}

void NodeWiring::route_from_nic(std::int64_t nic, std::int64_t gpu, LinkId base,
                                std::vector<LinkId>& path) const {
  if (nic_of(node_, gpu) != nic) route(owner_of_nic(node_, nic), gpu, base, path);
}

void NodeWiring::add_own_nics(std::vector<Cable>& cables) const {
  if (node_.nics == 0) return;
  for (std::int64_t i = 0; i < node_.gpus; ++i) {
    const Vertex gpu{VertexKind::kGpu, 0, i};
    const Vertex nic{VertexKind::kNic, 0, nic_of(node_, i)};
    cables.push_back({gpu, nic, {}});
    cables.push_back({nic, gpu, {}});
  }
}

}  // namespace stepcast
