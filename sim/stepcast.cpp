#include "sim/stepcast.h"

#include "sim/program/verify.h"

namespace stepcast {

Job build_programs(const Scenario& scenario) {
  Job job = lower(scenario.model, scenario.plan, scenario.training, scenario.traits);
  const std::vector<std::string> findings = verify(job);
  STEPCAST_CHECK(findings.empty(), "lowering wrote an unsound program: " + findings.front());
  return job;
}

CostModel cost_model(const Scenario& scenario) {
  return CostModel(scenario.topology.device, scenario.device_profile, scenario.network_profile,
                   scenario.stack);
}

Fabric build_fabric(const Scenario& scenario) {
  return Fabric(scenario.topology, scenario.plan.world_size());
}

Prediction predict(const Scenario& scenario, const SimulateOptions& options) {
  Prediction prediction;
  prediction.job = build_programs(scenario);
  prediction.simulation =
      simulate(prediction.job, build_fabric(scenario), cost_model(scenario), options);
  prediction.report = make_report(scenario, prediction.job, prediction.simulation);
  return prediction;
}

}  // namespace stepcast
