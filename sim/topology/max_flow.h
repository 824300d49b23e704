// Maximum flow through a network, by Boost.Graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stepcast {

struct Arc {
  std::size_t from = 0, to = 0;
  std::int64_t capacity = 0;  ///< whole, so that the algorithm ends and its result is exact
};

/// The most that can flow from `source` to `sink` (different vertices of 0 .. num_vertices - 1), by
/// Goldberg and Tarjan's push-relabel algorithm. The capacities must add up to less than 2^62.
std::int64_t max_flow(std::size_t num_vertices, const std::vector<Arc>& arcs, std::size_t source,
                      std::size_t sink);

}  // namespace stepcast
