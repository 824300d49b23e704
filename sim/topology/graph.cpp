#include "sim/topology/graph.h"

#include <algorithm>
#include <cmath>

namespace stepcast {
namespace {

bool touches_nic(const Wire& wire) {
  return wire.from.kind == VertexKind::kNic || wire.to.kind == VertexKind::kNic;
}

/// GPUs are numbered node by node.
void append_gpus(const Fabric& fabric, std::vector<Vertex>& vertices) {
  std::int64_t first_of_node = 0;
  for (std::int64_t gpu = 0; gpu < fabric.num_gpus(); ++gpu) {
    if (fabric.node_of(gpu) != fabric.node_of(first_of_node)) first_of_node = gpu;
    vertices.push_back({VertexKind::kGpu, fabric.node_of(gpu), gpu - first_of_node});
  }
}

std::int64_t capacity_of(const Wire& wire, const Fabric& fabric) {
  if (wire.link == Wire::kNoLink) return GraphArc::kUnlimited;
  return std::llround(fabric.links()[wire.link].capacity.value());
}

}  // namespace

std::uint32_t FabricGraph::number_of(const Vertex& vertex) const {
  return static_cast<std::uint32_t>(std::ranges::lower_bound(vertices, vertex) - vertices.begin());
}

FabricGraph graph_of(const Fabric& fabric, bool inside_only) {
  std::vector<Wire> wires = fabric.wires();
  if (inside_only) std::erase_if(wires, touches_nic);
  FabricGraph graph;
  append_gpus(fabric, graph.vertices);
  for (const Wire& wire : wires) {
    graph.vertices.push_back(wire.from);
    graph.vertices.push_back(wire.to);
  }
  std::ranges::sort(graph.vertices);
  const auto repeated = std::ranges::unique(graph.vertices);
  graph.vertices.erase(repeated.begin(), repeated.end());
  graph.arcs.reserve(wires.size());
  for (const Wire& wire : wires)
    graph.arcs.push_back(
        {graph.number_of(wire.from), graph.number_of(wire.to), capacity_of(wire, fabric)});
  return graph;
}

}  // namespace stepcast
