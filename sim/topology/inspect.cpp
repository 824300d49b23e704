// Facts of the whole graph: is it connected, how far is the farthest GPU, how much gets through its
// middle.
#include <algorithm>
#include <array>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <map>

#include "sim/topology/fabric.h"
#include "sim/topology/max_flow.h"

namespace stepcast {
namespace {

/// The wires that traffic of these GPUs can use: with one node those inside it.
std::vector<Wire> usable_wires(const Fabric& fabric) {
  std::vector<Wire> wires = fabric.wires();
  if (fabric.num_nodes() == 1)
    std::erase_if(wires, [](const Wire& wire) {
      return wire.from.kind == VertexKind::kNic || wire.to.kind == VertexKind::kNic;
    });
  return wires;
}

/// All GPUs, and whatever wires lead to; sorted.
std::vector<Vertex> vertices_of(const Fabric& fabric, const std::vector<Wire>& wires) {
  std::vector<Vertex> vertices;
  for (std::int64_t gpu = 0; gpu < fabric.num_nodes() * fabric.gpus_per_node(); ++gpu)
    vertices.push_back({VertexKind::kGpu, fabric.node_of(gpu), gpu % fabric.gpus_per_node()});
  for (const Wire& wire : wires) vertices.push_back(wire.to);
  std::sort(vertices.begin(), vertices.end());
  vertices.erase(std::unique(vertices.begin(), vertices.end()), vertices.end());
  return vertices;
}

std::size_t index_in(const std::vector<Vertex>& sorted, const Vertex& vertex) {
  return static_cast<std::size_t>(std::lower_bound(sorted.begin(), sorted.end(), vertex) -
                                  sorted.begin());
}

/// Wires from GPU 0 to every vertex; -1 where there is no way.
std::vector<std::int64_t> hops_from_first_gpu(const std::vector<Wire>& wires,
                                              const std::vector<Vertex>& vertices) {
  boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS> graph(vertices.size());
  for (const Wire& wire : wires)
    boost::add_edge(index_in(vertices, wire.from), index_in(vertices, wire.to), graph);
  std::vector<std::int64_t> hops(vertices.size(), -1);
  const std::size_t start = index_in(vertices, {VertexKind::kGpu, 0, 0});
  hops[start] = 0;
  const auto record =
      boost::make_bfs_visitor(boost::record_distances(hops.data(), boost::on_tree_edge()));
  boost::breadth_first_search(graph, start, boost::visitor(record));
  return hops;
}

/// Puts alike vertices together, so that the flow of a cluster of any size is that of a small
/// graph.
///
/// Nodes of one pod on the same side of the cut can be exchanged without changing the graph, and so
/// can pods with as many nodes on either side. The average of a maximum flow over all such
/// exchanges is again a maximum flow and the same on all alike wires: merging alike vertices and
/// adding up capacities loses nothing. The GPUs of a side are where the flow starts or ends: one
/// vertex.
class Merging {
 public:
  Merging(const Fabric& fabric, const std::vector<Wire>& wires) : fabric_(fabric) {
    for (const Wire& wire : wires)
      if (wire.from.kind == VertexKind::kNic && !is_inside_node(wire.to))
        pod_of_node_[wire.from.group] = wire.to.group;
    for (const auto& [node, pod] : pod_of_node_) ++sizes_[pod][side_of_node(node)];
  }

  static constexpr Vertex kFirstHalf{VertexKind::kGpu, 0, 0};
  static constexpr Vertex kSecondHalf{VertexKind::kGpu, 1, 0};

  Vertex operator()(const Vertex& vertex) const {
    if (vertex.kind == VertexKind::kGpu) return side_of_gpu(vertex) == 0 ? kFirstHalf : kSecondHalf;
    if (fabric_.num_nodes() == 1 || vertex.kind == VertexKind::kCore) return vertex;
    if (vertex.kind == VertexKind::kLeaf)
      return {vertex.kind, class_of_pod(vertex.group), vertex.index};
    return {vertex.kind, class_of_node(vertex.group), vertex.index};
  }

 private:
  static bool is_inside_node(const Vertex& vertex) {
    return vertex.kind != VertexKind::kLeaf && vertex.kind != VertexKind::kCore;
  }
  std::size_t side_of_node(std::int64_t node) const {
    return node < fabric_.num_nodes() / 2 ? 0 : 1;
  }
  std::size_t side_of_gpu(const Vertex& gpu) const {
    if (fabric_.num_nodes() > 1) return side_of_node(gpu.group);
    return gpu.index < fabric_.gpus_per_node() / 2 ? 0 : 1;
  }

  /// Tells pods apart by how many of their nodes lie on either side.
  std::int64_t class_of_pod(std::int64_t pod) const {
    const std::array<std::int64_t, 2>& sizes = sizes_.at(pod);
    return sizes[0] * (fabric_.num_nodes() + 1) + sizes[1];
  }
  std::int64_t class_of_node(std::int64_t node) const {
    return 2 * class_of_pod(pod_of_node_.at(node)) + static_cast<std::int64_t>(side_of_node(node));
  }

  const Fabric& fabric_;
  std::map<std::int64_t, std::int64_t> pod_of_node_;
  std::map<std::int64_t, std::array<std::int64_t, 2>> sizes_;  ///< by pod: nodes on either side
};

BytesPerSec bisection(const Fabric& fabric, const std::vector<Wire>& wires) {
  if (fabric.num_nodes() == 1 && fabric.gpus_per_node() == 1) return {};
  double all = 0;  // more than can ever flow: stands for wires without limit
  for (const Link& link : fabric.links()) all += link.capacity.value();

  const Merging merged(fabric, wires);
  std::map<Vertex, std::size_t> numbers = {{Merging::kFirstHalf, 0}, {Merging::kSecondHalf, 1}};
  const auto number_of = [&](const Vertex& vertex) {
    return numbers.try_emplace(merged(vertex), numbers.size()).first->second;
  };
  std::map<std::pair<std::size_t, std::size_t>, double> capacities;
  for (const Wire& wire : wires) {
    const std::size_t from = number_of(wire.from);
    const std::size_t to = number_of(wire.to);
    if (from != to)
      capacities[{from, to}] +=
          wire.link == Wire::kNoLink ? all : fabric.links()[wire.link].capacity.value();
  }
  std::vector<Arc> arcs;
  for (const auto& [pair, capacity] : capacities)
    arcs.push_back({pair.first, pair.second, capacity});
  return BytesPerSec(max_flow(numbers.size(), arcs, 0, 1));
}

}  // namespace

FabricReport inspect(const Topology& topology, std::int64_t num_gpus) {
  const Fabric fabric(topology, num_gpus);
  const std::vector<Wire> wires = usable_wires(fabric);
  const std::vector<Vertex> vertices = vertices_of(fabric, wires);
  const std::vector<std::int64_t> hops = hops_from_first_gpu(wires, vertices);

  FabricReport report{.connected = true, .bisection = bisection(fabric, wires)};
  for (std::size_t i = 0; i < vertices.size(); ++i) {
    if (vertices[i].kind != VertexKind::kGpu) continue;
    report.connected = report.connected && hops[i] >= 0;
    report.diameter_hops = std::max(report.diameter_hops, hops[i]);
  }
  return report;
}

}  // namespace stepcast
