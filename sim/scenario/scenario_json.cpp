// Reads a scenario and everything that it names. Mistakes of all files are gathered, so that one
// run shows them all; whether the plan is feasible is asked once the files are sound.
#include <filesystem>
#include <string>
#include <utility>

#include "sim/lowering/schedules.h"
#include "sim/plan/feasibility.h"
#include "sim/scenario/references.h"
#include "sim/scenario/scenario_reader.h"

namespace stepcast {
namespace {

Published read_published(const JsonValue& value, Problems& problems) {
  Fields fields(value, problems);
  Published published;
  published.step_time = fields.quantity<Seconds>("step_time", Seconds(0));
  published.peak_memory = fields.quantity<Bytes>("peak_memory", Bytes(0));
  published.source = fields.text("source");
  fields.finish();
  return published;
}

void read_prices(const JsonValue& value, Problems& problems, Topology& topology) {
  Fields fields(value, problems);
  topology.price_per_gpu_hour =
      fields.quantity<DollarsPerHour>("price_per_gpu_hour", topology.price_per_gpu_hour, true);
  topology.electricity_price =
      fields.quantity<DollarsPerJoule>("electricity_price", topology.electricity_price, true);
  topology.power_usage_effectiveness = fields.number(
      "power_usage_effectiveness", {.min = 1, .max = 10}, topology.power_usage_effectiveness);
  fields.finish();
}

/// Reads the keys of one scenario object, in the order in which a reader of the file wants to see
/// their mistakes.
class ScenarioReader {
 public:
  ScenarioReader(const JsonValue& root, const Library& library,
                 const std::optional<JsonValue>& topology)
      : references_(library, problems_), fields_(root, problems_), topology_(topology) {
    scenario_.file = file_of(root);
  }

  Scenario read() && {
    const std::string stem = std::filesystem::path(scenario_.file).stem().string();
    scenario_.name = fields_.text("name", stem);
    fields_.text("description", "");
    if (const auto model = part("model", &Library::model_file))
      scenario_.model = read_model(*model, problems_);
    read_cluster();
    read_software();
    read_step();
    if (const auto published = fields_.child("published"))
      scenario_.published = read_published(*published, problems_);
    fields_.finish();
    problems_.raise_if_any();
    return std::move(scenario_);
  }

 private:
  std::optional<JsonValue> part(std::string_view key, ShippedFile shipped) {
    const auto value = fields_.required_child(key);
    return value ? references_.follow(*value, shipped) : std::nullopt;
  }

  /// A profile that the scenario names, or else its topology.
  std::optional<JsonValue> profile(std::string_view key, const std::optional<JsonValue>& topology,
                                   ShippedFile shipped) {
    if (const auto own = fields_.child(key)) return references_.follow(*own, shipped);
    const auto named = topology ? topology->member(key) : std::nullopt;
    if (!named || !named->is_string()) return std::nullopt;  // the topology's reader reports it
    return references_.follow(*named, shipped);
  }

  /// The topology given from outside; the scenario may still name one.
  std::optional<JsonValue> topology() {
    if (!topology_) return part("topology", &Library::topology_file);
    fields_.child("topology");
    return topology_;
  }

  void read_cluster() {
    const std::size_t mistakes = problems_.all().size();
    const auto topology = this->topology();
    if (topology) scenario_.topology = references_.topology(*topology);
    if (const auto prices = fields_.child("prices")) {
      read_prices(*prices, problems_, scenario_.topology);
      scenario_.own_prices = true;
    }
    if (const auto value = profile("device_profile", topology, &Library::device_profile_file))
      scenario_.device_profile = read_device_profile(*value, problems_);
    if (const auto value = profile("network_profile", topology, &Library::network_profile_file))
      scenario_.network_profile = read_network_profile(*value, problems_);
    if (const auto choices = fields_.child("collectives"))
      scenario_.network_profile.choices = read_collective_choices(*choices, problems_);
    if (problems_.all().size() == mistakes) check_devices(*topology);
  }

  /// Kernels are timed by one device profile.
  void check_devices(const JsonValue& topology) {
    if (scenario_.topology.has_one_device()) return check_device(topology);
    problems_.add(
        topology.member("node_groups")
            ->problem("has nodes of several devices, and a step is predicted with one; take "
                      "nodes of one device for a plan (stepcast topology and stepcast collective "
                      "know several)"));
  }

  void check_device(const JsonValue& topology) {
    const std::string& device = scenario_.topology.device.name;
    if (serves(scenario_.device_profile, device)) return;
    const std::string message = ": profile \"" + scenario_.device_profile.name + "\" is of a " +
                                scenario_.device_profile.device + ", and the cluster has " +
                                device + "; name a profile of that device";
    if (fields_.has("device_profile")) return fields_.reject("device_profile", message);
    problems_.add(topology.member("device_profile")->problem(message));
  }

  void read_software() {
    const auto value = part("stack", &Library::stack_file);
    if (!value) return;
    const Stack stack = read_stack(*value, problems_);
    scenario_.traits = stack.traits;
    scenario_.stack = stack.profile;
  }

  void read_step() {
    if (const auto plan = fields_.required_child("plan")) {
      scenario_.plan = read_plan(*plan, problems_);
      check_schedule(*plan);
      scenario_.traits.stage_balance =
          scenario_.plan.stage_balance.value_or(scenario_.traits.stage_balance);
    }
    if (const auto training = fields_.required_child("training"))
      scenario_.training = read_training(*training, problems_);
    scenario_.num_gpus =
        fields_.integer("num_gpus", {.min = 1, .max = 1'000'000}, scenario_.plan.world_size());
  }

  void check_schedule(const JsonValue& plan) {
    const auto schedule = plan.member("schedule");
    if (!schedule || !schedule->is_string()) return;
    try {
      find_schedule(scenario_.plan.schedule);
    } catch (const Error& error) {
      problems_.add(schedule->problem(": " + error.problems().front().message));
    }
  }

  Problems problems_;
  References references_;
  Fields fields_;
  std::optional<JsonValue> topology_;
  Scenario scenario_;
};

/// The line of what `problem` speaks about ("plan.tp"), or of the object around it when the file
/// leaves it at its default.
void add_line(Problem& problem, JsonValue around) {
  std::string_view rest = problem.path;
  while (!rest.empty()) {
    const std::size_t dot = rest.find('.');
    const auto inner = around.member(rest.substr(0, dot));
    if (!inner) break;
    around = *inner;
    rest = dot == std::string_view::npos ? "" : rest.substr(dot + 1);
  }
  const Problem place = around.problem("");
  problem.file = place.file;
  problem.line = place.line;
  problem.column = place.column;
}

void check_feasible(const Scenario& scenario, const JsonValue& root) {
  Problems problems;
  const auto add = [&](Problem problem) {
    add_line(problem, root);
    problems.add(std::move(problem));
  };
  for (const Problem& problem : check_plan(scenario.model, scenario.plan, scenario.training,
                                           scenario.topology, scenario.num_gpus, scenario.traits))
    add(problem);
  if (problems.empty()) return;
  if (const auto near =
          nearest_feasible_plan(scenario.model, scenario.plan, scenario.training, scenario.topology,
                                scenario.num_gpus, scenario.traits))
    add({.path = "plan", .message = ": nearest plan that works: " + to_text(*near)});
  problems.raise_if_any(ErrorKind::kInfeasible);
}

}  // namespace

Scenario read_scenario(const JsonValue& root, const Library& library,
                       const std::optional<JsonValue>& topology) {
  Scenario scenario = ScenarioReader(root, library, topology).read();
  scenario.network_profile =
      for_generation(std::move(scenario.network_profile), scenario.topology.device.generation);
  check_feasible(scenario, root);
  return scenario;
}

}  // namespace stepcast
