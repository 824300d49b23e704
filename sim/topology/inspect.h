// Facts of the whole graph of a fabric: what it is made of, how far is the farthest GPU, how much
// gets through its middle and out of every level. All of it comes from Fabric's wires, so a new
// shape needs nothing here.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/topology/fabric.h"

namespace stepcast {

/// All links of one kind.
struct LinkCount {
  LinkKind kind{};
  std::int64_t count = 0;  ///< directions: a cable counts twice
  BytesPerSec slowest, fastest;
};

/// The switches between nodes that are as many wires away from the nearest NIC.
struct SwitchLevel {
  std::int64_t switches = 0;
  BytesPerSec from_below;  ///< sum of the links that come up from NICs or lower levels
  BytesPerSec to_peers;    ///< sum of the links to switches of the same level
  BytesPerSec to_above;
  /// from_below / to_above of the switch where that is largest; 0 where no switch has links up.
  double oversubscription = 0;
};

struct FabricReport {
  std::int64_t gpus = 0;  ///< in whole nodes
  std::int64_t nodes = 0;
  std::int64_t nics = 0;
  std::int64_t node_switches = 0;   ///< NVSwitches, PCIe switches and CPUs inside nodes
  std::vector<SwitchLevel> levels;  ///< [0]: the switches that NICs are plugged into
  std::vector<LinkCount> links;     ///< by kind; empty kinds left out
  bool connected = false;           ///< every GPU reaches every other
  std::int64_t diameter_hops = 0;   ///< most wires on the shortest way between two GPUs
  /// Per direction, from the first half of the nodes to the others; with one node, of its GPUs. No
  /// other pair of halves is tried: where the numbering of nodes follows the cables (all shapes but
  /// explicit graphs) this is the cut in the middle.
  BytesPerSec bisection;
  std::int64_t smaller_half_gpus = 0;  ///< GPUs on the side of the cut that has fewer
  std::int64_t merged_vertices = 0;    ///< of the graph on which the bisection was computed
};

/// The first `num_gpus` GPUs in whole nodes. Throws Error(kInfeasible) when there are fewer.
FabricReport inspect(const Topology& topology, std::int64_t num_gpus);

}  // namespace stepcast
