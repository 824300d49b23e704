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
};

struct Selection {
  std::vector<Row> levels;  ///< [0]: switches that NICs are plugged into
  std::vector<DrawnNode> nodes;
  std::int64_t nodes_left_out = 0;
};

Selection select_parts(const FabricGraph& graph);

}  // namespace stepcast
