// --gpus of commands that take the first GPUs of a topology.
#pragma once

#include "sim/base/plain_text.h"
#include "sim/topology/topology.h"

namespace stepcast::cli {

/// `gpus`, or all for 0. Throws Error(kInfeasible) when the topology has fewer.
inline std::int64_t gpus_of_option(std::int64_t gpus, const Topology& topology) {
  const std::int64_t there = topology.num_gpus();
  if (gpus <= there) return gpus == 0 ? there : gpus;
  throw Error(ErrorKind::kInfeasible, "--gpus " + std::to_string(gpus) + ": topology \"" +
                                          topology.name + "\" has " + counted(there, "GPU") + " (" +
                                          counted(topology.num_nodes, "node") +
                                          "); take fewer, or raise its num_nodes");
}

}  // namespace stepcast::cli
