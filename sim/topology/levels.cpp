#include "sim/topology/levels.h"

#include <algorithm>

namespace stepcast {
namespace {

bool inside_node(const Vertex& vertex) {
  return vertex.kind == VertexKind::kGpu || vertex.kind == VertexKind::kNodeSwitch;
}

/// Capacities of one switch, one way each, in bytes per second.
struct Ports {
  double from_below = 0, to_peers = 0, to_above = 0;
};

std::vector<Ports> ports_of(const FabricGraph& graph, const std::vector<int>& levels) {
  std::vector<Ports> ports(graph.size());
  for (const GraphArc& arc : graph.arcs) {
    const int from = levels[arc.from];
    const int to = levels[arc.to];
    if (from == kInsideNode || to == kInsideNode || arc.capacity == GraphArc::kUnlimited) continue;
    const double capacity = static_cast<double>(arc.capacity);
    if (from < to) {
      ports[arc.from].to_above += capacity;
      ports[arc.to].from_below += capacity;
    } else if (from == to) {
      ports[arc.from].to_peers += capacity;
    }
  }
  return ports;
}

}  // namespace

std::vector<int> levels_of(const FabricGraph& graph) {
  std::vector<int> levels(graph.size(), kInsideNode);
  for (std::size_t i = 0; i < graph.size(); ++i)
    if (graph.vertices[i].kind == VertexKind::kNic) levels[i] = 0;
  bool grown = true;
  for (int level = 1; grown; ++level) {
    grown = false;
    for (const GraphArc& arc : graph.arcs) {
      if (levels[arc.from] != level - 1 || levels[arc.to] != kInsideNode ||
          inside_node(graph.vertices[arc.to]))
        continue;
      levels[arc.to] = level;
      grown = true;
    }
  }
  return levels;
}

std::vector<SwitchLevel> switch_levels(const FabricGraph& graph) {
  const std::vector<int> levels = levels_of(graph);
  const std::vector<Ports> ports = ports_of(graph, levels);
  std::vector<SwitchLevel> rows;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    if (levels[i] < 1) continue;
    rows.resize(std::max(rows.size(), static_cast<std::size_t>(levels[i])));
    SwitchLevel& row = rows[static_cast<std::size_t>(levels[i]) - 1];
    ++row.switches;
    row.from_below += BytesPerSec(ports[i].from_below);
    row.to_peers += BytesPerSec(ports[i].to_peers);
    row.to_above += BytesPerSec(ports[i].to_above);
    if (ports[i].to_above > 0)
      row.oversubscription =
          std::max(row.oversubscription, ports[i].from_below / ports[i].to_above);
  }
  return rows;
}

}  // namespace stepcast
