#include "sim/topology/topology.h"

namespace stepcast {

std::vector<NodeGroup> Topology::all_groups() const {
  if (!node_groups.empty()) return node_groups;
  return {
      {.num_nodes = num_nodes, .node = node, .device = device, .device_profile = device_profile}};
}

std::int64_t Topology::num_gpus() const {
  if (node_groups.empty()) return num_nodes * node.gpus;
  std::int64_t gpus = 0;
  for (const NodeGroup& group : node_groups) gpus += group.num_nodes * group.node.gpus;
  return gpus;
}

}  // namespace stepcast
