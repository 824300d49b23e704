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

std::vector<std::uint32_t> Topology::gpu_of_rank(std::int64_t num_ranks) const {
  std::vector<std::uint32_t> result;
  result.reserve(static_cast<std::size_t>(num_ranks));
  std::int64_t before = 0;
  for (const NodeGroup& group : groups_for(num_ranks))
    for (std::int64_t node = 0; node < group.num_nodes; ++node) {
      const std::int64_t gpus = gpus_of(group.node);
      const std::int64_t left = num_ranks - static_cast<std::int64_t>(result.size());
      for (std::int64_t place = 0; place < std::min(group.node.gpus, left); ++place)
        result.push_back(static_cast<std::uint32_t>(before + place % gpus));
      before += gpus;
    }
  return result;
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
