// The devices of a scenario's GPUs: a cluster may be of several generations.
#include "sim/scenario/scenario.h"

namespace stepcast {

const Device& device_of(const Scenario& scenario, std::uint32_t number) {
  return number == 0 ? scenario.topology.device : scenario.further_devices[number - 1].device;
}

Bytes memory_of_rank(const Scenario& scenario, std::uint32_t number) {
  return Bytes(device_of(scenario, number).memory_capacity.value() /
               scenario.topology.ranks_per_gpu);
}

}  // namespace stepcast
