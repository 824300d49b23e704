// The devices of a scenario's GPUs: a cluster may be of several generations.
#include <algorithm>

#include "sim/scenario/scenario.h"

namespace stepcast {

const Device& device_of(const Scenario& scenario, std::uint32_t number) {
  return number == 0 ? scenario.topology.device : scenario.further_devices[number - 1].device;
}

std::vector<std::uint32_t> devices_of_ranks(const Scenario& scenario) {
  const auto ranks = static_cast<std::size_t>(scenario.num_gpus);
  const std::vector<NodeGroup> groups = scenario.topology.groups_for(scenario.num_gpus);
  std::vector<std::uint32_t> devices;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto gpus = static_cast<std::size_t>(groups[g].num_nodes * groups[g].node.gpus);
    devices.resize(std::min(devices.size() + gpus, ranks), scenario.device_of_group[g]);
  }
  return devices;
}

}  // namespace stepcast
