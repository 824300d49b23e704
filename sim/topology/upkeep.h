// What a cluster costs to run, from datasheets and prices.
#pragma once

#include "sim/topology/topology.h"

namespace stepcast {

/// Of so many nodes of a topology. Powers are at the meter of the building: times
/// power_usage_effectiveness.
struct Upkeep {
  DollarsPerHour rent;  ///< all GPUs at price_per_gpu_hour
  Watts idle;           ///< GPUs at idle_power, hosts as under load: no other figure is known
  Watts peak;           ///< GPUs at power_limit, hosts under load
  DollarsPerHour peak_electricity;  ///< peak at electricity_price
};
Upkeep upkeep(const Topology& topology, std::int64_t num_nodes);

}  // namespace stepcast
