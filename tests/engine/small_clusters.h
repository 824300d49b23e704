// Clusters of the network tests, with round figures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/cost/network_profile.h"
#include "sim/topology/fabric.h"

namespace stepcast {

struct ClusterShape {
  std::int64_t nodes = 1;
  double nvlink = 300e9;  ///< bytes per second and direction of a GPU
  double nic = 25e9;
  std::int64_t nics = 8;
  std::int64_t nodes_per_leaf = 32;
  double oversubscription = 1;
};

/// Nodes of 8 GPUs behind an NVSwitch, rail-optimised.
inline Topology nvswitch_cluster(const ClusterShape& shape) {
  Topology topology;
  topology.name = "test";
  topology.num_nodes = shape.nodes;
  topology.node.gpus = 8;
  topology.node.intra = IntraNode::kNvswitch;
  topology.node.intra_bandwidth = BytesPerSec(shape.nvlink);
  topology.node.nics = shape.nics;
  topology.node.nic_bandwidth = BytesPerSec(shape.nic);
  topology.fabric = {.kind = FabricKind::kRailOptimized,
                     .nodes_per_leaf = shape.nodes_per_leaf,
                     .oversubscription = shape.oversubscription};
  return topology;
}

/// One node of `gpus` GPUs with one 25 GB/s link between every two.
inline Topology full_mesh_node(std::int64_t gpus) {
  Topology topology = nvswitch_cluster({});
  topology.node.gpus = gpus;
  topology.node.intra = IntraNode::kMesh;
  topology.node.intra_bandwidth = BytesPerSec(25e9);
  for (std::int64_t a = 0; a < gpus; ++a)
    for (std::int64_t b = a + 1; b < gpus; ++b) topology.node.mesh.push_back({a, b, 1});
  return topology;
}

/// NVIDIA's DGX-1V: 8 GPUs with six NVLinks each (DGX-1 with Tesla V100 white paper, figure 4).
inline Topology cube_mesh_node() {
  Topology topology = full_mesh_node(8);
  topology.node.mesh = {{0, 1, 1}, {0, 2, 1}, {0, 3, 2}, {0, 4, 2}, {1, 2, 2}, {1, 3, 1},
                        {1, 5, 2}, {2, 3, 2}, {2, 6, 1}, {3, 7, 1}, {4, 5, 1}, {4, 6, 1},
                        {4, 7, 2}, {5, 6, 2}, {5, 7, 1}, {6, 7, 2}};
  return topology;
}

/// `count` ranks, every `stride`-th from `first` on.
inline std::vector<std::uint32_t> gpus(std::uint32_t count, std::uint32_t stride = 1,
                                       std::uint32_t first = 0) {
  std::vector<std::uint32_t> result;
  for (std::uint32_t i = 0; i < count; ++i) result.push_back(first + i * stride);
  return result;
}

/// topologies/networks/NAME.json.
inline NetworkProfile shipped_profile(const std::string& name) {
  Problems problems;
  const JsonDocument document =
      read_json_file(std::string(STEPCAST_SOURCE_DIR) + "/topologies/networks/" + name + ".json");
  NetworkProfile profile = read_network_profile(document.root(), problems);
  problems.raise_if_any();
  return profile;
}

}  // namespace stepcast
