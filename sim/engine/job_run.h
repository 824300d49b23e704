// One simulation from end to end, with the choices that tests make differently. simulate() is the
// way in for everybody else.
#pragma once

#include "sim/engine/compile.h"
#include "sim/engine/flow_solver.h"
#include "sim/engine/prepared_job.h"

namespace stepcast {

/// How to compute: results do not depend on it, up to rounding.
struct EngineChoices {
  CompileOptions compile;
  /// For channels that meet nobody; false: they are flows too. A prepared job has chosen already.
  bool closed_forms = true;
  bool with_account =
      true;  ///< false: times by cause and spans are left out in spite of the options
  FlowSolver* solver = nullptr;  ///< null: SimGrid's
};

/// As Simulator::run(). Throws PostedTooLate (meetings.h) when `choices` join lanes that must be
/// apart.
Simulation run_job(const PreparedJob& job, const JobCosts& costs, const EngineChoices& choices);
/// As simulate().
Simulation run_job(const Job& job, const Fabric& fabric, const JobCosts& costs,
                   const SimulateOptions& options, const EngineChoices& choices);

}  // namespace stepcast
