#include "sim/stepcast.h"

#include <algorithm>
#include <utility>

#include "sim/program/place_together.h"
#include "sim/program/split_by_device.h"
#include "sim/program/verify.h"
#include "sim/scenario/stack_domain.h"

namespace stepcast {
namespace {

/// Runs `work`. Rooms below do not know from which file their input came: what they throw is given
/// the scenario's.
template <typename Work>
auto naming_file(const Scenario& scenario, Work work) {
  try {
    return work();
  } catch (const Error& error) {
    std::vector<Problem> problems = error.problems();
    for (Problem& problem : problems)
      if (problem.file.empty()) problem.file = scenario.file;
    throw Error(error.kind(), std::move(problems));
  }
}

Grade grade_of(const Scenario& scenario, const Simulation& simulation) {
  return worst(simulation.grade, worst(stack_grade(scenario), scenario.network_profile.grade));
}

/// Programs have the costs of their device. Keeps pointers to `models`.
JobCosts costs_by_device(const std::vector<CostModel>& models, const Job& job) {
  if (models.size() == 1) return models.front();
  std::vector<const CostModel*> pointers;
  for (const CostModel& model : models) pointers.push_back(&model);
  std::vector<std::uint32_t> of_program;
  for (const Program& program : job.programs) of_program.push_back(program.device);
  return JobCosts(std::move(pointers), std::move(of_program));
}

/// The jobs of a cluster, ready to be put on it in any selection.
class ClusterJobs {
 public:
  explicit ClusterJobs(const SharedCluster& cluster)
      : cluster_(cluster), fabric_(cluster.topology, cluster.num_gpus()) {
    for (const ClusterJob& job : cluster.jobs) {
      jobs_.push_back(build_programs(job.scenario));
      add_models(job.scenario, jobs_.back());
    }
  }

  struct Run {
    Job job;
    Simulation simulation;
  };

  /// Only the jobs with these numbers; the GPUs of the others stand idle.
  Run run(const std::vector<std::size_t>& selected, SimulateOptions options) const {
    std::vector<PlacedJob> placed;
    for (const std::size_t id : selected)
      placed.push_back({.name = cluster_.jobs[id].name,
                        .job = &jobs_[id],
                        .gpus = cluster_.jobs[id].gpus,
                        .steps = cluster_.jobs[id].steps});
    JointJob joint = place_together(placed, cluster_.num_gpus());
    options.start = starts(selected);
    std::vector<const CostModel*> models;
    for (const CostModel& model : models_) models.push_back(&model);
    std::vector<std::uint32_t> of_program;
    for (std::size_t i = 0; i < joint.owner.size(); ++i)
      of_program.push_back(joint.owner[i] == kNone
                               ? 0
                               : model_of_[selected[joint.owner[i]]][joint.job.programs[i].device]);
    Simulation simulation =
        simulate(joint.job, fabric_, JobCosts(std::move(models), std::move(of_program)),
                 with_sharing(std::move(options), cluster_.topology, cluster_.num_gpus()));
    return {std::move(joint.job), std::move(simulation)};
  }

  /// Mean over the steps of a job.
  Seconds step_time(std::size_t id, const Simulation& simulation) const {
    const ClusterJob& job = cluster_.jobs[id];
    Seconds end(0);
    for (const std::uint32_t gpu : job.gpus)
      end = std::max(end, simulation.ranks[simulation.class_of_rank[gpu]].end);
    return (end - job.start) / job.steps;
  }

 private:
  /// Of the devices that run something: what others would get out of links does not count.
  void add_models(const Scenario& scenario, const Job& job) {
    const std::vector<CostModel> all = cost_models(scenario);
    std::vector<std::uint32_t>& numbers = model_of_.emplace_back(all.size(), kNone);
    for (const Program& program : job.programs)
      if (numbers[program.device] == kNone) {
        numbers[program.device] = static_cast<std::uint32_t>(models_.size());
        models_.push_back(all[program.device]);
      }
  }

  std::vector<Seconds> starts(const std::vector<std::size_t>& selected) const {
    std::vector<Seconds> result(cluster_.num_gpus(), Seconds(0));
    for (const std::size_t id : selected)
      for (const std::uint32_t gpu : cluster_.jobs[id].gpus) result[gpu] = cluster_.jobs[id].start;
    return result;
  }

  const SharedCluster& cluster_;
  Fabric fabric_;
  std::vector<Job> jobs_;
  std::vector<CostModel> models_;
  std::vector<std::vector<std::uint32_t>> model_of_;  // by job, then device: place in models_
};

}  // namespace

Job build_programs(const Scenario& scenario) {
  return naming_file(scenario, [&] {
    Job job = lower(scenario.model, scenario.plan, scenario.training, scenario.traits);
    const std::vector<std::string> findings = verify(job);
    STEPCAST_CHECK(findings.empty(), "lowering wrote an unsound program: " + findings.front());
    if (scenario.further_devices.empty()) return job;
    std::vector<std::string> names = {scenario.topology.device.name};
    for (const DeviceKind& kind : scenario.further_devices) names.push_back(kind.device.name);
    return split_by_device(std::move(job), scenario.device_of_rank, names);
  });
}

std::vector<CostModel> cost_models(const Scenario& scenario) {
  std::vector<CostModel> models = {CostModel(scenario.topology.device, scenario.device_profile,
                                             scenario.network_profile, scenario.stack)};
  for (const DeviceKind& kind : scenario.further_devices)
    models.emplace_back(kind.device, kind.device_profile, kind.network_profile, scenario.stack);
  return models;
}

Fabric build_fabric(const Scenario& scenario) {
  return Fabric(scenario.topology, scenario.plan.world_size());
}

Prediction predict(const Scenario& scenario, const SimulateOptions& options) {
  return predict(scenario, build_programs(scenario), options);
}

Prediction predict(const Scenario& scenario, Job job, const SimulateOptions& options) {
  return naming_file(scenario, [&] {
    Prediction prediction{.job = std::move(job), .simulation = {}, .report = {}};
    const std::vector<CostModel> models = cost_models(scenario);
    prediction.simulation =
        simulate(prediction.job, build_fabric(scenario), costs_by_device(models, prediction.job),
                 with_sharing(options, scenario.topology, scenario.plan.world_size()));
    prediction.report = make_report(scenario, prediction.job, prediction.simulation);
    return prediction;
  });
}

SharedPrediction predict(const SharedCluster& cluster, const SimulateOptions& options) {
  const ClusterJobs jobs(cluster);
  SharedPrediction result;
  SimulateOptions times_only = options;
  times_only.attribute = times_only.spans = false;
  std::vector<std::size_t> all;
  for (std::size_t id = 0; id < cluster.jobs.size(); ++id) {
    all.push_back(id);
    const Simulation alone = naming_file(cluster.jobs[id].scenario,
                                         [&] { return jobs.run({id}, times_only).simulation; });
    result.jobs.push_back({.step_time_alone = jobs.step_time(id, alone),
                           .step_time = Seconds(0),
                           .grade = grade_of(cluster.jobs[id].scenario, alone)});
  }
  auto together = jobs.run(all, options);
  for (const std::size_t id : all)
    result.jobs[id].step_time = jobs.step_time(id, together.simulation);
  result.job = std::move(together.job);
  result.together = std::move(together.simulation);
  return result;
}

Report predict_memory(const Scenario& scenario, const Job& job) {
  return naming_file(scenario, [&] { return memory_report(scenario, job); });
}

}  // namespace stepcast
