// A scenario names a model, a topology, a plan, a stack and a training step, and resolves the
// files: by name from the shipped folders, or by path beside the scenario.
#pragma once

#include <string>
#include <vector>

#include "sim/cost/cost_model.h"
#include "sim/model/model.h"
#include "sim/plan/plan.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// A figure somebody measured for this configuration, printed beside the prediction.
struct Published {
  Seconds step_time;  ///< zero: none
  Bytes peak_memory;  ///< zero: none
  std::string source;
};

/// A device, and how long things take on it and between several of its kind.
struct DeviceKind {
  Device device;
  DeviceProfile device_profile;
  NetworkProfile network_profile;  ///< for the device's generation
};

struct Scenario {
  std::string file;
  std::string name;
  Model model;
  Topology topology;
  std::int64_t num_gpus = 0;
  Plan plan;
  Training training;
  Traits traits;
  StackProfile stack;
  DeviceProfile device_profile;  ///< of topology.device, as is the next
  NetworkProfile network_profile;
  /// What its GPUs have besides topology.device and its profile. Mostly nothing.
  std::vector<DeviceKind> further_devices;
  /// By rank: 0 is topology.device, 1 the first further one. Empty without further ones.
  std::vector<std::uint32_t> device_of_rank;
  Published published;
  bool own_prices = false;  ///< it has "prices"
};

/// By number as in Scenario::device_of_rank.
const Device& device_of(const Scenario& scenario, std::uint32_t number);
/// What a rank has of its memory: an equal part where ranks share it.
Bytes memory_of_rank(const Scenario& scenario, std::uint32_t number);

/// Where the shipped files are, below one folder.
struct Library {
  std::string root;
  std::string model_file(const std::string& name) const;           ///< models/NAME.json
  std::string topology_file(const std::string& name) const;        ///< topologies/NAME.json
  std::string device_file(const std::string& name) const;          ///< topologies/devices/NAME.json
  std::string device_profile_file(const std::string& name) const;  ///< topologies/calibrations/
  std::string network_profile_file(const std::string& name) const;  ///< topologies/networks/
  std::string stack_file(const std::string& name) const;            ///< scenarios/stacks/
  std::string scenario_file(const std::string& name) const;         ///< scenarios/NAME.json
  std::string shared_cluster_file(const std::string& name) const;   ///< scenarios/shared/NAME.json
};

/// The folder with models/ and topologies/: $STEPCAST_HOME, else found from the program's own place
/// upwards, else the source tree it was built from. Throws Error(kIo) naming what was tried.
Library find_library();

/// Reads a scenario (a shipped name, or a path that may lead anywhere) and all it names. Throws one
/// Error with every mistake of all files (kInput); when there is none, with every reason against
/// the plan and the nearest plan that works (kInfeasible); kUnsupported when the network profile
/// does not know the device's generation.
Scenario load_scenario(const std::string& name_or_path, const Library& library);

/// A training framework: what it changes in the program, and its times (scenarios/stacks/*.json).
struct Stack {
  Traits traits;
  StackProfile profile;
};
Stack read_stack(JsonValue value, Problems& problems);

/// Parts on their own, for the ledger and `check`: a shipped name, or a path that may lead
/// anywhere. Throw Error(kInput) with every mistake, kIo when a path can't be read.
Model load_model(const std::string& name_or_path, const Library& library);
Topology load_topology(const std::string& name_or_path, const Library& library);
Device load_device(const std::string& name_or_path, const Library& library);
Stack load_stack(const std::string& name_or_path, const Library& library);
DeviceProfile load_device_profile(const std::string& name_or_path, const Library& library);
NetworkProfile load_network_profile(const std::string& name_or_path, const Library& library);

}  // namespace stepcast
