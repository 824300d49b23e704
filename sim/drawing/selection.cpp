#include "sim/drawing/selection.h"

#include <algorithm>
#include <set>

#include "sim/topology/levels.h"

namespace stepcast {
namespace {

// Up to so many are drawn all; of more, the first few.
constexpr std::size_t kAllNodes = 4, kSomeNodes = 3;
constexpr std::size_t kAllInNode = 16, kSomeInNode = 8;
constexpr std::size_t kMostSwitches = 16;

void cut(Row& row, std::size_t all, std::size_t some) {
  if (row.vertices.size() <= all) return;
  row.left_out += static_cast<std::int64_t>(row.vertices.size() - some);
  row.vertices.resize(some);
}

std::map<std::int64_t, DrawnNode> nodes_of(const FabricGraph& graph) {
  std::map<std::int64_t, DrawnNode> nodes;
  for (std::uint32_t i = 0; i < graph.size(); ++i) {
    const Vertex& vertex = graph.vertices[i];
    if (vertex.kind == VertexKind::kGpu) nodes[vertex.group].gpus.vertices.push_back(i);
    if (vertex.kind == VertexKind::kNic) nodes[vertex.group].nics.vertices.push_back(i);
    if (vertex.kind == VertexKind::kNodeSwitch) nodes[vertex.group].switches.vertices.push_back(i);
  }
  return nodes;
}

/// Of a level, the switches that a drawn vertex below leads to; if there are none, all.
Row drawn_level(const FabricGraph& graph, const std::vector<int>& levels, int level,
                const std::set<std::uint32_t>& drawn) {
  std::set<std::uint32_t> all;
  std::set<std::uint32_t> reached;
  for (std::uint32_t i = 0; i < graph.size(); ++i)
    if (levels[i] == level) all.insert(i);
  for (const GraphArc& arc : graph.arcs)
    if (levels[arc.to] == level && drawn.contains(arc.from)) reached.insert(arc.to);
  Row row;
  const std::set<std::uint32_t>& chosen = all.size() <= kMostSwitches ? all : reached;
  row.vertices.assign(chosen.begin(), chosen.end());
  row.left_out = static_cast<std::int64_t>(all.size() - chosen.size());
  cut(row, kMostSwitches, kMostSwitches);
  return row;
}

}  // namespace

Selection select_parts(const FabricGraph& graph) {
  Selection selection;
  const std::map<std::int64_t, DrawnNode> nodes = nodes_of(graph);
  const std::size_t shown = nodes.size() <= kAllNodes ? nodes.size() : kSomeNodes;
  selection.nodes_left_out = static_cast<std::int64_t>(nodes.size() - shown);
  std::set<std::uint32_t> drawn;
  for (const auto& [number, node] : nodes) {
    if (selection.nodes.size() == shown) break;
    selection.nodes.push_back(node);
    DrawnNode& last = selection.nodes.back();
    last.node = number;
    for (Row* row : {&last.nics, &last.switches, &last.gpus}) {
      cut(*row, kAllInNode, kSomeInNode);
      drawn.insert(row->vertices.begin(), row->vertices.end());
    }
  }
  const std::vector<int> levels = levels_of(graph);
  const int highest = levels.empty() ? 0 : *std::ranges::max_element(levels);
  for (int level = 1; level <= highest; ++level) {
    selection.levels.push_back(drawn_level(graph, levels, level, drawn));
    const std::vector<std::uint32_t>& switches = selection.levels.back().vertices;
    drawn.insert(switches.begin(), switches.end());
  }
  return selection;
}

}  // namespace stepcast
