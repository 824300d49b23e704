// Clusters for tests, small and made by hand, with round numbers: NVLink 300 GB/s, NIC 25 GB/s.
#pragma once

#include <string>

#include "sim/topology/inspect.h"

namespace stepcast {

inline Topology nvswitch_cluster(std::int64_t nodes, std::int64_t gpus = 8, std::int64_t nics = 8) {
  Topology topology;
  topology.name = "test";
  topology.num_nodes = nodes;
  topology.node = {.gpus = gpus,
                   .intra = IntraNode::kNvswitch,
                   .intra_bandwidth = BytesPerSec(300e9),
                   .mesh = {},
                   .nics = nics,
                   .nic_bandwidth = BytesPerSec(25e9),
                   .host_power = {}};
  topology.fabric = {.kind = FabricKind::kSingleSwitch};
  return topology;
}

inline Topology rail_cluster(std::int64_t nodes, std::int64_t nodes_per_leaf,
                             double oversubscription = 1, std::int64_t gpus = 4,
                             std::int64_t nics = 4) {
  Topology topology = nvswitch_cluster(nodes, gpus, nics);
  topology.fabric = {.kind = FabricKind::kRailOptimized,
                     .nodes_per_leaf = nodes_per_leaf,
                     .oversubscription = oversubscription};
  return topology;
}

/// GPUs in a row, 0 - 1 - 2 - ..., one 25 GB/s NVLink each.
inline Topology chain_cluster(std::int64_t nodes, std::int64_t gpus) {
  Topology topology = nvswitch_cluster(nodes, gpus, gpus);
  topology.node.intra = IntraNode::kMesh;
  topology.node.intra_bandwidth = BytesPerSec(25e9);
  for (std::int64_t gpu = 0; gpu + 1 < gpus; ++gpu)
    topology.node.mesh.push_back({.a = gpu, .b = gpu + 1, .count = 1});
  return topology;
}

/// Four GPUs, two under each PCIe switch; 31 GB/s a slot.
inline Topology pcie_cluster(std::int64_t nodes, std::int64_t nics = 2) {
  Topology topology = nvswitch_cluster(nodes, 4, nics);
  topology.node.intra = IntraNode::kPcie;
  topology.node.intra_bandwidth = BytesPerSec(31e9);
  topology.node.gpus_per_pcie_switch = 2;
  return topology;
}

inline std::vector<LinkId> route(const Fabric& fabric, std::int64_t from, std::int64_t to) {
  std::vector<LinkId> path;
  fabric.route(from, to, path);
  return path;
}

inline std::vector<LinkId> route_on_rail(const Fabric& fabric, std::int64_t from, std::int64_t to,
                                         std::int64_t rail) {
  std::vector<LinkId> path;
  fabric.route_on_rail(from, to, rail, path);
  return path;
}

inline std::vector<LinkKind> kinds(const Fabric& fabric, const std::vector<LinkId>& path) {
  std::vector<LinkKind> kinds;
  for (const LinkId link : path) kinds.push_back(fabric.links()[link].kind);
  return kinds;
}

/// Names of the links of a path, joined by "; ".
inline std::string names(const Fabric& fabric, const std::vector<LinkId>& path) {
  std::string text;
  for (const LinkId link : path) text += (text.empty() ? "" : "; ") + fabric.link_name(link);
  return text;
}

}  // namespace stepcast
