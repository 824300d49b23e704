#include "sim/drawing/selection.h"

#include <algorithm>
#include <set>

#include "sim/topology/levels.h"

namespace stepcast {
namespace {

// Up to so many are drawn all; of more, the first few, and of nodes the last: it shows how far
// switches reach.
constexpr std::size_t kAllNodes = 4, kFirstNodes = 2;
constexpr std::int64_t kGridSide = 8;
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

/// Of a grid the first plane, as far as it goes. A line of GPUs stays a row, and so do those that
/// have switches above them.
void cut_to_plane(DrawnNode& node, const Grid& grid) {
  if (grid.dims.size() < 2 || !node.switches.vertices.empty()) return;
  const std::int64_t columns = std::min(grid.dims.back(), kGridSide);
  const std::int64_t rows = std::min(grid.dims[grid.dims.size() - 2], kGridSide);
  std::vector<std::uint32_t> plane;
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column)
      plane.push_back(
          node.gpus.vertices[static_cast<std::size_t>(row * grid.dims.back() + column)]);
  node.columns = static_cast<std::size_t>(columns);
  node.closed_rows = columns == grid.dims.back() && grid.wraps(grid.dims.size() - 1);
  node.gpus.left_out = static_cast<std::int64_t>(node.gpus.vertices.size() - plane.size());
  node.gpus.vertices = std::move(plane);
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

Selection select_parts(const FabricGraph& graph, const Fabric& fabric) {
  Selection selection;
  const std::map<std::int64_t, DrawnNode> nodes = nodes_of(graph);
  std::set<std::uint32_t> drawn;
  for (const auto& [number, node] : nodes) {
    const bool early = selection.nodes.size() < kFirstNodes;
    if (nodes.size() > kAllNodes && !early && number != nodes.rbegin()->first) continue;
    DrawnNode& last = selection.nodes.emplace_back(node);
    last.node = number;
    if (const std::optional<Grid> grid = fabric.grid_of(number)) cut_to_plane(last, *grid);
    if (last.columns == 0) cut(last.gpus, kAllInNode, kSomeInNode);
    cut(last.nics, kAllInNode, kSomeInNode);
    cut(last.switches, kAllInNode, kSomeInNode);
    for (const Row* row : {&last.nics, &last.switches, &last.gpus})
      drawn.insert(row->vertices.begin(), row->vertices.end());
  }
  selection.nodes_left_out = static_cast<std::int64_t>(nodes.size() - selection.nodes.size());
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
