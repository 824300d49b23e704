// Maximum flow through a small network, by Boost.Graph.
#pragma once

#include <cstddef>
#include <vector>

namespace stepcast {

struct Arc {
  std::size_t from = 0, to = 0;
  double capacity = 0;
};

/// The most that can flow from `source` to `sink` (different vertices of 0 .. num_vertices - 1).
/// Edmonds and Karp's algorithm: every path that it finds saturates an arc, so it ends with
/// capacities that are not whole numbers, too.
double max_flow(std::size_t num_vertices, const std::vector<Arc>& arcs, std::size_t source,
                std::size_t sink);

}  // namespace stepcast
