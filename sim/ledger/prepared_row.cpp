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
  return simulator->step_time(cost_model(scenario, stack, network));
}

Report PreparedRow::report() const {
  const CostModel costs = cost_model(scenario, scenario.stack, scenario.network_profile);
  return make_report(scenario, *job, simulator->run(costs));
}

StageMemory PreparedRow::fullest_stage() const {
  StageMemory fullest;
  for (const Program& program : job->programs) {
    StageMemory stage =
        assess_memory(program, scenario.stack, memory_of_rank(scenario, program.device));
    if (stage.reserved > fullest.reserved) fullest = std::move(stage);
  }
  return fullest;
}

PreparedRow prepare(Scenario scenario) {
  auto job = std::make_unique<const Job>(
      lower(scenario.model, scenario.plan, scenario.training, scenario.traits));
  const std::vector<std::string> findings = verify(*job);
  STEPCAST_CHECK(findings.empty(), scenario.name + ": " + findings.front());
  auto fabric = std::make_unique<const Fabric>(scenario.topology, scenario.num_gpus);
  auto simulator = std::make_unique<const Simulator>(
      *job, *fabric, with_sharing({}, scenario.topology, scenario.num_gpus));
  return {.scenario = std::move(scenario),
          .job = std::move(job),
          .fabric = std::move(fabric),
          .simulator = std::move(simulator)};
}

}  // namespace stepcast
