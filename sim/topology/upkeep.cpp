#include "sim/topology/upkeep.h"

namespace stepcast {

Upkeep upkeep(const Topology& topology, std::int64_t num_nodes) {
  const double nodes = static_cast<double>(num_nodes);
  const double gpus = nodes * static_cast<double>(topology.node.gpus);
  const Watts hosts = topology.node.host_power * nodes;
  const double building = topology.power_usage_effectiveness;
  Upkeep upkeep;
  upkeep.rent = topology.price_per_gpu_hour * gpus;
  upkeep.idle = (topology.device.idle_power * gpus + hosts) * building;
  upkeep.peak = (topology.device.power_limit * gpus + hosts) * building;
  const Dollars an_hour = topology.electricity_price * (upkeep.peak * Seconds(3600));
  upkeep.peak_electricity = DollarsPerHour(an_hour.value());
  return upkeep;
}

}  // namespace stepcast
