#include "sim/topology/upkeep.h"

#include <algorithm>

namespace stepcast {

Upkeep upkeep(const Topology& topology, std::int64_t num_nodes) {
  Upkeep upkeep;
  for (const NodeGroup& group : topology.all_groups()) {
    const std::int64_t in_use = std::min(num_nodes, group.num_nodes);
    num_nodes -= in_use;
    const double nodes = static_cast<double>(in_use);
    const double gpus = nodes * static_cast<double>(topology.gpus_of(group.node));
    const Watts hosts = group.node.host_power * nodes;
    upkeep.rent += topology.price_per_gpu_hour * gpus;
    upkeep.idle += (group.device.idle_power * gpus + hosts) * topology.power_usage_effectiveness;
    upkeep.peak += (group.device.power_limit * gpus + hosts) * topology.power_usage_effectiveness;
  }
  const Dollars an_hour = topology.electricity_price * (upkeep.peak * Seconds(3600));
  upkeep.peak_electricity = DollarsPerHour(an_hour.value());
  return upkeep;
}

}  // namespace stepcast
