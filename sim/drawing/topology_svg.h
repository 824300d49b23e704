// A picture of a cluster: switches by level on top, nodes with NICs, switches and GPUs below, links
// as thick as they are fast. It is drawn from the graph of the fabric, so new shapes need nothing
// here.
#pragma once

#include <string>

#include "sim/topology/topology.h"

namespace stepcast {

/// A standalone SVG of the first `num_gpus` GPUs. Of many nodes the first two and the last are
/// drawn, of many GPUs of a node the first eight, of a grid a plane, of the switches those that the
/// drawn parts lead to; what is left out stands beside them as a number. Equal topologies give
/// equal bytes. Throws Error(kInfeasible) when the topology has fewer GPUs.
std::string topology_svg(const Topology& topology, std::int64_t num_gpus);

}  // namespace stepcast
