// What a simulation needs that does not depend on costs, made once for a job on a fabric.
#pragma once

#include <vector>

#include "sim/engine/channels.h"
#include "sim/engine/op_costs.h"
#include "sim/engine/program_index.h"
#include "sim/engine/simulate.h"

namespace stepcast {

struct PreparedJob {
  /// Keeps references to job and fabric. `allow_closed_form`: for channels that meet nobody; false:
  /// they are flows too.
  PreparedJob(const Job& the_job, const Fabric& the_fabric, SimulateOptions the_options,
              bool allow_closed_form = true);
  PreparedJob(const PreparedJob&) = delete;
  PreparedJob& operator=(const PreparedJob&) = delete;

  const Job& job;
  const Fabric& fabric;
  const SimulateOptions options;
  const std::vector<ProgramIndex> programs;
  const JobOps ops;
  const JobChannels channels;
  const FoldedChannels folded;
};

}  // namespace stepcast
