// Switches between nodes, by how far they are from the NICs.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/topology/graph.h"
#include "sim/topology/inspect.h"

namespace stepcast {

/// For every vertex: 0 for a NIC, 1 for the switches that NICs are plugged into, 2 for switches
/// behind those, ...; kInsideNode for GPUs and switches inside nodes.
inline constexpr int kInsideNode = -1;
std::vector<int> levels_of(const FabricGraph& graph);

std::vector<SwitchLevel> switch_levels(const FabricGraph& graph);

}  // namespace stepcast
