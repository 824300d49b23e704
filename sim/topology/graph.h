// A fabric as a graph with numbered vertices, for inspection.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/topology/fabric.h"

namespace stepcast {

/// One wire: vertices by their number.
struct GraphArc {
  std::uint32_t from = 0, to = 0;
  std::int64_t capacity = 0;  ///< bytes per second, whole so that sums are exact
  static constexpr std::int64_t kUnlimited = -1;  ///< a wire without link
};

/// All GPUs, whether or not a wire leads to them, and whatever stands at the ends of wires, in the
/// order of Vertex.
struct FabricGraph {
  std::vector<Vertex> vertices;
  std::vector<GraphArc> arcs;

  std::uint32_t number_of(const Vertex& vertex) const;  ///< of a vertex that is there
  std::size_t size() const { return vertices.size(); }
};

/// `inside_only` leaves NICs and what is behind them out: traffic between GPUs of one node never
/// takes that way.
FabricGraph graph_of(const Fabric& fabric, bool inside_only);

/// Classes of vertices, numbered from 0: the coarsest partition that refines `start` (a class for
/// every vertex) and gives all members of a class the same sum of capacities to, and from, every
/// class.
///
/// Such a partition keeps maximum flows between unions of its classes. A flow of the graph, added
/// up by class, is a flow of the merged graph. A flow of the merged graph, spread over the arcs
/// between two classes in proportion to their capacities, brings every member of a class as much,
/// and takes as much from it: it is a flow of the graph.
std::vector<std::uint32_t> alike_vertices(const FabricGraph& graph,
                                          const std::vector<std::uint32_t>& start);

/// Most arcs on the shortest way from any of `sources` to any of `ends`, all ways counted: a
/// breadth-first search from every source, 512 of them at a time. Not `connected`: some end can't
/// be reached from some source, and `hops` is the most among those that can.
struct Distance {
  bool connected = true;
  std::int64_t hops = 0;
};
Distance farthest(const FabricGraph& graph, std::span<const std::uint32_t> sources,
                  std::span<const std::uint32_t> ends);

}  // namespace stepcast
