// A fabric as a platform of SimGrid's, for simulators that are not ours.
#pragma once

#include <string>

#include "sim/topology/fabric.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// SimGrid takes 5 s of CPU time and some 200 MB to load a file of this size.
inline constexpr std::size_t kMostPlatformBytes = 250'000'000;

/// XML of version 4.1 (SimGrid 3.32's simgrid.dtd): hosts gpu0, gpu1, ... in rank order, a link for
/// every direction, named by its property "name", and the routes of Fabric::route(). `speed` of a
/// host is the device's fp32 peak and says little about a real kernel. The configuration inside
/// asks for max-min sharing: model CM02 without cross traffic and TCP's windows. Where links have a
/// latency of their own, that model gives flows of longer latency a smaller share. Equal topologies
/// give equal bytes.
///
/// Where ways depend on switches only, there is a zone for every switch with NICs, and only GPUs of
/// one node, and switches that no common one joins, have routes of their own. Where a node's NICs
/// are plugged into several switches (rails), every GPU is a zone of its own: such hosts can't send
/// to themselves, and SimGrid 3.32 takes time with the square of their number to seal them: 45 s of
/// CPU time for 16,384 GPUs, 35 MB. Where ways are hashed, or all GPUs are one node, every pair has
/// a route. Throws Error: kUnsupported above kMostPlatformBytes, kInfeasible when the topology has
/// fewer GPUs.
std::string platform_xml(const Topology& topology, std::int64_t num_gpus);

}  // namespace stepcast
