// Reads a scenario and everything that it names. Mistakes of all files are gathered, so that one
// run shows them all; plans are checked once the files are sound.
#include <filesystem>

#include "sim/plan/feasibility.h"
#include "sim/scenario/resolve.h"
#include "sim/scenario/scenario.h"

namespace stepcast {
namespace {

std::string folder_of(const std::string& file) {
  return std::filesystem::path(file).parent_path().string();
}

/// Reads references of one file, turning an Error of a referenced file into problems of this pass.
class Reader {
 public:
  Reader(const Library& library, std::string folder, Problems& problems)
      : library_(library), folder_(std::move(folder)), problems_(problems) {}

  /// An object in place, or a name or path of a file that holds it. Nothing after a mistake.
  std::optional<JsonValue> part(Fields& fields, std::string_view key,
                                std::string (Library::*shipped)(const std::string&) const) {
    const auto value = fields.required_child(key);
    if (!value || value->is_object()) return value;
    if (const auto name = value->as_string()) return file(*value, *name, shipped);
    problems_.add(value->problem("must be a name, a path, or an object"));
    return std::nullopt;
  }

  std::optional<JsonValue> file(const JsonValue& place, const std::string& name,
                                std::string (Library::*shipped)(const std::string&) const) {
    try {
      return resolve(name, folder_, [&](const std::string& n) { return (library_.*shipped)(n); })
          .root();
    } catch (const Error& error) {
      if (error.problems().size() == 1 && error.problems()[0].file.empty())
        problems_.add(place.problem(": " + error.problems()[0].message));
      else
        for (const Problem& problem : error.problems()) problems_.add(problem);
      return std::nullopt;
    }
  }

  Topology topology(JsonValue value) {
    return read_topology(value, problems_, [&](const std::string& name) {
      return resolve(name, folder_, [&](const std::string& n) { return library_.device_file(n); });
    });
  }

 private:
  const Library& library_;
  std::string folder_;
  Problems& problems_;
};

Stack read_stack(JsonValue value, Problems& problems) {
  Fields fields(value, problems);
  Stack stack;
  if (const auto traits = fields.required_child("traits"))
    stack.traits = read_traits(*traits, problems);
  if (const auto costs = fields.required_child("costs"))
    stack.profile = read_stack_profile(*costs, problems);
  fields.finish();
  return stack;
}

Published read_published(JsonValue value, Problems& problems) {
  Fields fields(value, problems);
  Published published;
  published.step_time = fields.quantity<Seconds>("step_time", Seconds(0));
  published.peak_memory = fields.quantity<Bytes>("peak_memory", Bytes(0));
  published.source = fields.text("source");
  fields.finish();
  return published;
}

void read_prices(JsonValue value, Problems& problems, Topology& topology) {
  Fields fields(value, problems);
  topology.price_per_gpu_hour =
      fields.quantity<DollarsPerHour>("price_per_gpu_hour", topology.price_per_gpu_hour, true);
  topology.electricity_price =
      fields.quantity<DollarsPerJoule>("electricity_price", topology.electricity_price, true);
  topology.power_usage_effectiveness = fields.number(
      "power_usage_effectiveness", {.min = 1, .max = 5}, topology.power_usage_effectiveness);
  fields.finish();
}

/// A profile named by the scenario, or else by the topology.
std::optional<JsonValue> profile(Reader& reader, Fields& fields, std::string_view key,
                                 const std::string& of_topology,
                                 std::string (Library::*shipped)(const std::string&) const) {
  if (fields.has(key)) return reader.part(fields, key, shipped);
  if (of_topology.empty()) return std::nullopt;  // the topology's own problem, reported there
  return reader.file(fields.value(), of_topology, shipped);
}

void check_device(Fields& fields, const Scenario& scenario) {
  if (!serves(scenario.device_profile, scenario.topology.device.name))
    fields.reject("device_profile", ": profile \"" + scenario.device_profile.name + "\" is of a " +
                                        scenario.device_profile.device + ", the cluster has " +
                                        scenario.topology.device.name +
                                        "; name a profile of that device");
}

void check_feasible(const Scenario& scenario) {
  Problems problems;
  for (Problem problem : check_plan(scenario.model, scenario.plan, scenario.training,
                                    scenario.topology, scenario.num_gpus, scenario.traits)) {
    problem.file = scenario.file;
    problems.add(problem);
  }
  if (problems.empty()) return;
  const auto near = nearest_feasible_plan(scenario.model, scenario.plan, scenario.training,
                                          scenario.topology, scenario.num_gpus, scenario.traits);
  if (near)
    problems.add({.file = scenario.file, .message = "nearest plan that works: " + to_text(*near)});
  problems.raise_if_any(ErrorKind::kInfeasible);
}

}  // namespace

Scenario load_scenario(const std::string& file, const Library& library) {
  const JsonDocument document = read_json_file(file);
  Problems problems;
  Reader reader(library, folder_of(file), problems);
  Fields fields(document.root(), problems);
  Scenario scenario;
  scenario.file = file;
  scenario.name = fields.text("name", std::filesystem::path(file).stem().string());
  fields.text("description", "");
  if (const auto value = reader.part(fields, "model", &Library::model_file))
    scenario.model = read_model(*value, problems);
  if (const auto value = reader.part(fields, "topology", &Library::topology_file))
    scenario.topology = reader.topology(*value);
  if (const auto value = reader.part(fields, "stack", &Library::stack_file)) {
    Stack stack = read_stack(*value, problems);
    scenario.traits = stack.traits;
    scenario.stack = stack.profile;
  }
  if (const auto value = fields.required_child("plan")) scenario.plan = read_plan(*value, problems);
  if (const auto value = fields.required_child("training"))
    scenario.training = read_training(*value, problems);
  scenario.num_gpus =
      fields.integer("num_gpus", {.min = 1, .max = 1'000'000}, scenario.plan.world_size());
  if (const auto value = fields.child("prices")) read_prices(*value, problems, scenario.topology);
  if (const auto value = fields.child("published"))
    scenario.published = read_published(*value, problems);
  if (const auto value = profile(reader, fields, "device_profile", scenario.topology.device_profile,
                                 &Library::device_profile_file)) {
    scenario.device_profile = read_device_profile(*value, problems);
    check_device(fields, scenario);
  }
  if (const auto value = profile(reader, fields, "network_profile",
                                 scenario.topology.network_profile, &Library::network_profile_file))
    scenario.network_profile = read_network_profile(*value, problems);
  fields.finish();
  problems.raise_if_any();
  check_feasible(scenario);
  return scenario;
}

namespace {

/// A name or path given by a person (on the command line): a path may lead anywhere.
JsonDocument open_named(const std::string& name_or_path, const Library& library,
                        std::string (Library::*shipped)(const std::string&) const) {
  if (is_path(name_or_path)) return read_json_file(name_or_path);
  return resolve(name_or_path, "",
                 [&](const std::string& name) { return (library.*shipped)(name); });
}

template <typename Read>
auto load(const std::string& name_or_path, const Library& library,
          std::string (Library::*shipped)(const std::string&) const, Read read) {
  Problems problems;
  auto part = read(open_named(name_or_path, library, shipped).root(), problems);
  problems.raise_if_any();
  return part;
}

}  // namespace

Model load_model(const std::string& name_or_path, const Library& library) {
  return load(name_or_path, library, &Library::model_file, read_model);
}

Topology load_topology(const std::string& name_or_path, const Library& library) {
  const std::string folder = is_path(name_or_path) ? folder_of(name_or_path) : "";
  return load(name_or_path, library, &Library::topology_file,
              [&](JsonValue value, Problems& problems) {
                return Reader(library, folder, problems).topology(value);
              });
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
