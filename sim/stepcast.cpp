#include "sim/stepcast.h"

#include <utility>

#include "sim/program/verify.h"

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

}  // namespace

Job build_programs(const Scenario& scenario) {
  return naming_file(scenario, [&] {
    Job job = lower(scenario.model, scenario.plan, scenario.training, scenario.traits);
    const std::vector<std::string> findings = verify(job);
    STEPCAST_CHECK(findings.empty(), "lowering wrote an unsound program: " + findings.front());
    return job;
  });
}

CostModel cost_model(const Scenario& scenario) {
  return CostModel(scenario.topology.device, scenario.device_profile, scenario.network_profile,
                   scenario.stack);
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
    prediction.simulation =
        simulate(prediction.job, build_fabric(scenario), cost_model(scenario), options);
    prediction.report = make_report(scenario, prediction.job, prediction.simulation);
    return prediction;
  });
}

Report predict_memory(const Scenario& scenario, const Job& job) {
  return naming_file(scenario, [&] { return memory_report(scenario, job); });
}

}  // namespace stepcast
