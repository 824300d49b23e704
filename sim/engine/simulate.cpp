#include "sim/engine/simulate.h"

#include <algorithm>
#include <utility>

#include "sim/engine/job_run.h"
#include "sim/engine/meetings.h"

namespace stepcast {

Simulator::Simulator(const Job& job, const Fabric& fabric, SimulateOptions options)
    : prepared_(std::make_unique<PreparedJob>(job, fabric, std::move(options))) {}
Simulator::~Simulator() = default;
Simulator::Simulator(Simulator&&) noexcept = default;
Simulator& Simulator::operator=(Simulator&&) noexcept = default;

/// Whether lanes can be joined depends on the costs, so every run tries anew: results must not
/// depend on the runs before.
Simulation Simulator::run(const JobCosts& costs, bool with_account) const {
  EngineChoices choices;
  choices.with_account = with_account;
  try {
    return run_job(*prepared_, costs, choices);
  } catch (const PostedTooLate&) {
    choices.compile.lanes = Lanes::kSeparate;
    return run_job(*prepared_, costs, choices);
  }
}

SimulateOptions with_sharing(SimulateOptions options, const Topology& topology,
                             std::int64_t num_ranks) {
  if (topology.ranks_per_gpu == 1) return options;
  options.processor = topology.gpu_of_rank(num_ranks);
  options.folding = Folding::kOff;
  return options;
}

Simulation Simulator::run(const JobCosts& costs) const { return run(costs, true); }

Seconds Simulator::step_time(const JobCosts& costs) const { return run(costs, false).step_time; }

Simulation simulate(const Job& job, const Fabric& fabric, const JobCosts& costs,
                    const SimulateOptions& options) {
  SimulateOptions with_ways = options;
  for (const CostModel* model : costs.models())
    for (const ScheduledWay& way : scheduled_ways(model->network().choices))
      if (std::find(with_ways.ways.begin(), with_ways.ways.end(), way) == with_ways.ways.end())
        with_ways.ways.push_back(way);
  return Simulator(job, fabric, std::move(with_ways)).run(costs);
}

}  // namespace stepcast
