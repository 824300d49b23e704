#include "sim/ledger/prepared_row.h"

#include <utility>

#include "sim/program/verify.h"

namespace stepcast {
namespace {

CostModel cost_model(const Scenario& scenario, const StackProfile& stack,
                     const NetworkProfile& network) {
  return CostModel(scenario.topology.device, scenario.device_profile, network, stack);
}

}  // namespace

Seconds PreparedRow::predict(const StackProfile& stack, const NetworkProfile& network) const {
  return simulate(job, fabric, cost_model(scenario, stack, network),
                  {.slowdown = {}, .attribute = false})
      .step_time;
}

Report PreparedRow::report() const {
  const CostModel costs = cost_model(scenario, scenario.stack, scenario.network_profile);
  return make_report(scenario, job, simulate(job, fabric, costs));
}

StageMemory PreparedRow::fullest_stage() const {
  StageMemory fullest;
  for (const Program& program : job.programs) {
    StageMemory stage = assess_memory(program, scenario.stack, scenario.topology.device);
    if (stage.reserved > fullest.reserved) fullest = std::move(stage);
  }
  return fullest;
}

PreparedRow prepare(Scenario scenario) {
  Job job = lower(scenario.model, scenario.plan, scenario.training, scenario.traits);
  const std::vector<std::string> findings = verify(job);
  STEPCAST_CHECK(findings.empty(), scenario.name + ": " + findings.front());
  Fabric fabric(scenario.topology, scenario.num_gpus);
  return {.scenario = std::move(scenario), .job = std::move(job), .fabric = std::move(fabric)};
}

}  // namespace stepcast
