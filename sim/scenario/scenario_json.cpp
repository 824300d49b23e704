// Reads a scenario and everything that it names. Mistakes of all files are gathered, so that one
// run shows them all; whether the plan is feasible is asked once the files are sound.
#include <algorithm>
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
                 const std::optional<Placement>& placement)
      : references_(library, problems_), fields_(root, problems_), placement_(placement) {
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
    if (sound_cluster_) read_devices(*sound_cluster_);
    if (const auto published = fields_.child("published"))
      scenario_.published = read_published(*published, problems_);
    fields_.finish();
    problems_.raise_if_any();
    return std::move(scenario_);
  }

 private:
  std::optional<JsonValue> part(std::string_view key, ShippedFile shipped) {
    const auto value = fields_.required_child(key, kReference);
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
    if (!placement_) return part("topology", &Library::topology_file);
    fields_.child("topology");
    return placement_->topology;
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
    if (problems_.all().size() == mistakes) sound_cluster_ = topology;
  }

  /// Every device among the GPUs that the plan uses has a profile that times it.
  void read_devices(const JsonValue& topology) {
    const std::vector<NodeGroup> groups = scenario_.topology.all_groups();
    const std::vector<std::size_t> group_of_rank = groups_of_ranks(groups);
    std::vector<std::uint32_t> device_of_group(groups.size(), 0);
    for (std::size_t g = 0; g < groups.size(); ++g)
      if (std::ranges::find(group_of_rank, g) != group_of_rank.end())
        device_of_group[g] = device_number(topology, groups[g], g);
    if (!scenario_.further_devices.empty())
      for (const std::size_t g : group_of_rank)
        scenario_.device_of_rank.push_back(device_of_group[g]);
    const std::string problem = mismatch(scenario_.device_profile, scenario_.topology.device.name);
    if (problem.empty()) return;
    if (fields_.has("device_profile")) return fields_.reject("device_profile", problem);
    problems_.add(topology.member("device_profile")->problem(problem));
  }

  /// All GPUs when the plan can't be told.
  std::vector<std::size_t> groups_of_ranks(const std::vector<NodeGroup>& groups) const {
    std::vector<std::size_t> of_gpu;
    for (std::size_t g = 0; g < groups.size(); ++g)
      of_gpu.insert(of_gpu.end(),
                    static_cast<std::size_t>(groups[g].num_nodes * groups[g].node.gpus), g);
    if (!problems_.empty()) return of_gpu;
    std::vector<std::size_t> of_rank;
    const std::int64_t ranks = std::min(scenario_.plan.world_size(), std::ssize(of_gpu));
    for (std::int64_t rank = 0; rank < ranks; ++rank)
      if (const std::size_t gpu = gpu_of(rank); gpu < of_gpu.size()) of_rank.push_back(of_gpu[gpu]);
    return of_rank;
  }

  std::size_t gpu_of(std::int64_t rank) const {
    if (!placement_) return static_cast<std::size_t>(rank);
    if (placement_->gpus.empty()) return static_cast<std::size_t>(placement_->first_gpu + rank);
    const auto place = static_cast<std::size_t>(rank);
    return place < placement_->gpus.size() ? placement_->gpus[place] : kNoGpu;
  }

  std::uint32_t device_number(const JsonValue& topology, const NodeGroup& group, std::size_t g) {
    const bool is_first = group.device.name == scenario_.topology.device.name;
    if (fields_.has("device_profile")) {
      if (!is_first)
        fields_.reject("device_profile",
                       ": is for " + scenario_.topology.device.name +
                           ", and the plan uses nodes of " + group.device.name +
                           " (too); leave it out, and give node_groups a device_profile each");
      return 0;
    }
    if (is_first && group.device_profile == scenario_.topology.device_profile) return 0;
    auto& further = scenario_.further_devices;
    for (std::size_t i = 0; i < further.size(); ++i)
      if (further[i].device.name == group.device.name && names_[i] == group.device_profile)
        return static_cast<std::uint32_t>(i + 1);
    further.push_back({.device = group.device, .device_profile = {}, .network_profile = {}});
    names_.push_back(group.device_profile);
    read_profile_of_group(topology, g);
    return static_cast<std::uint32_t>(further.size());
  }

  void read_profile_of_group(const JsonValue& topology, std::size_t g) {
    const JsonValue group = topology.member("node_groups")->elements()[g];
    const auto own = group.member("device_profile");
    const JsonValue named = own ? *own : *topology.member("device_profile");
    DeviceKind& kind = scenario_.further_devices.back();
    const auto value = references_.follow(named, &Library::device_profile_file);
    if (value) kind.device_profile = read_device_profile(*value, problems_);
    if (!value || !problems_.empty()) return;
    const std::string problem = mismatch(kind.device_profile, kind.device.name);
    if (!problem.empty())
      problems_.add(own ? own->problem(problem)
                        : group.problem(problem + " in device_profile of this group"));
  }

  /// Empty when the profile times the device.
  static std::string mismatch(const DeviceProfile& profile, const std::string& device) {
    if (serves(profile, device)) return "";
    return ": profile \"" + profile.name + "\" is for " + profile.device + ", and the nodes have " +
           device + "; name a profile of that device";
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
  static constexpr std::size_t kNoGpu = ~std::size_t{0};
  const std::optional<Placement>& placement_;
  std::optional<JsonValue> sound_cluster_;  // the topology, when nothing about it is wrong
  std::vector<std::string> names_;  // of the profiles of further devices, as nodes name them
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
    add({.path = "plan",
         .message = ": nearest plan that works: " + to_text(*near) +
                    (near->world_size() == scenario.num_gpus
                         ? ""
                         : "; with num_gpus = " + std::to_string(near->world_size()))});
  problems.raise_if_any(ErrorKind::kInfeasible);
}

}  // namespace

Scenario read_scenario(const JsonValue& root, const Library& library,
                       const std::optional<Placement>& placement) {
  Scenario scenario = ScenarioReader(root, library, placement).read();
  for (DeviceKind& kind : scenario.further_devices)
    kind.network_profile = for_generation(scenario.network_profile, kind.device.generation);
  scenario.network_profile =
      for_generation(std::move(scenario.network_profile), scenario.topology.device.generation);
  check_feasible(scenario, root);
  return scenario;
}

}  // namespace stepcast
