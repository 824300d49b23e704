// Which parts of a fabric are drawn, in rows from the core down to the GPUs.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/topology/graph.h"

namespace stepcast {

/// Vertices side by side, and how many of their kind are left out.
struct Row {
  std::vector<std::uint32_t> vertices;
  std::int64_t left_out = 0;
};

struct DrawnNode {
  std::int64_t node = 0;
  Row nics, switches, gpus;
  std::size_t columns = 0;   ///< the GPUs lie in a grid, row by row; 0: side by side
  bool closed_rows = false;  ///< of a grid: a link joins the ends of a row
};

struct Selection {
  std::vector<Row> levels;  ///< [0]: switches that NICs are plugged into
  std::vector<DrawnNode> nodes;
  std::int64_t nodes_left_out = 0;  ///< between the last one and those before it
};

/// `graph` is that of `fabric`.
Selection select_parts(const FabricGraph& graph, const Fabric& fabric);

}  // namespace stepcast
