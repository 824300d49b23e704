#include "sim/topology/topology.h"

#include <algorithm>

namespace stepcast {

std::vector<NodeGroup> Topology::all_groups() const {
  if (!node_groups.empty()) return node_groups;
  return {
      {.num_nodes = num_nodes, .node = node, .device = device, .device_profile = device_profile}};
}

std::vector<NodeGroup> Topology::groups_for(std::int64_t num_gpus) const {
  std::vector<NodeGroup> groups;
  for (NodeGroup& group : all_groups()) {
    if (num_gpus <= 0) break;
    group.num_nodes = std::min(group.num_nodes, (num_gpus + group.node.gpus - 1) / group.node.gpus);
    num_gpus -= group.num_nodes * group.node.gpus;
    groups.push_back(std::move(group));
  }
  return groups;
}

bool Topology::has_one_device() const {
  return std::ranges::all_of(
      node_groups, [&](const NodeGroup& group) { return group.device.name == device.name; });
}

std::int64_t Topology::num_gpus() const {
  if (node_groups.empty()) return num_nodes * node.gpus;
  std::int64_t gpus = 0;
  for (const NodeGroup& group : node_groups) gpus += group.num_nodes * group.node.gpus;
  return gpus;
}

}  // namespace stepcast
