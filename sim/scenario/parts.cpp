// Scenarios, models, topologies, stacks and profiles on their own: named on a command line, or by a
// ledger.
#include "sim/scenario/references.h"
#include "sim/scenario/resolve.h"
#include "sim/scenario/scenario_reader.h"

namespace stepcast {
namespace {

template <typename Read>
auto load(const std::string& name_or_path, const Library& library, ShippedFile shipped, Read read) {
  Problems problems;
  auto part = read(open_named(name_or_path, library, shipped).root(), problems);
  problems.raise_if_any();
  return part;
}

}  // namespace

Scenario load_scenario(const std::string& name_or_path, const Library& library) {
  return read_scenario(open_own_or_named(name_or_path, library, &Library::scenario_file).root(),
                       library);
}

Stack read_stack(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  Stack stack;
  if (const auto traits = fields.required_child("traits"))
    stack.traits = read_traits(*traits, problems);
  if (const auto costs = fields.required_child("costs"))
    stack.profile = read_stack_profile(*costs, problems);
  fields.finish();
  return stack;
}

Model load_model(const std::string& name_or_path, const Library& library) {
  return load(name_or_path, library, &Library::model_file, read_model);
}

Topology load_topology(const std::string& name_or_path, const Library& library) {
  return load(name_or_path, library, &Library::topology_file,
              [&](const JsonValue& value, Problems& problems) {
                return References(library, problems).topology(value);
              });
}

Device load_device(const std::string& name_or_path, const Library& library) {
  return load(name_or_path, library, &Library::device_file, read_device);
}

Stack load_stack(const std::string& name_or_path, const Library& library) {
  return load(name_or_path, library, &Library::stack_file, read_stack);
}

DeviceProfile load_device_profile(const std::string& name_or_path, const Library& library) {
  return load(name_or_path, library, &Library::device_profile_file, read_device_profile);
}

NetworkProfile load_network_profile(const std::string& name_or_path, const Library& library) {
  return load(name_or_path, library, &Library::network_profile_file, read_network_profile);
}

}  // namespace stepcast
