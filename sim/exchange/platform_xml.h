// A fabric as a platform of SimGrid's, for simulators that are not ours.
#pragma once

#include <string>

#include "sim/topology/fabric.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// Every pair of GPUs has a route of its own, so the file grows with their square.
inline constexpr std::int64_t kMostExportedGpus = 512;

/// XML of version 4.1 (SimGrid 3.32's simgrid.dtd): hosts gpu0, gpu1, ... in rank order, a link for
/// every direction, named by its property "name", and the routes of Fabric::route(). `speed` of a
/// host is the device's fp32 peak and says little about a real kernel. The configuration inside
/// asks for plain max-min sharing: model CM02 without cross traffic. Equal topologies give equal
/// bytes. Throws Error: kUsage above kMostExportedGpus, kInfeasible when the topology has fewer
/// GPUs.
std::string platform_xml(const Topology& topology, std::int64_t num_gpus);

}  // namespace stepcast
