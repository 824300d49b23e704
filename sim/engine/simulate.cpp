#include "sim/engine/simulate.h"

#include "sim/engine/job_run.h"
#include "sim/engine/rendezvous.h"

namespace stepcast {

Simulation simulate(const Job& job, const Fabric& fabric, const CostModel& costs,
                    const SimulateOptions& options) {
  EngineChoices choices;
  try {
    return run_job(job, fabric, costs, options, choices);
  } catch (const PostedTooLate&) {
    choices.compile.lanes = Lanes::kSeparate;
    return run_job(job, fabric, costs, options, choices);
  }
}

}  // namespace stepcast
