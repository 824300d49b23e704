// Can this plan train this model on this many GPUs? Every reason against it at once, and the nearest
// plan that works.
#pragma once

#include <optional>
#include <vector>

#include "sim/model/model.h"
#include "sim/plan/plan.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// All reasons why not, empty when it can run. Paths are those of a scenario ("plan.tp"); `file` is
/// left to the caller. Whether it fits in memory is the memory walk's answer, not asked here.
std::vector<Problem> check_plan(const Model& model, const Plan& plan, const Training& training,
                                const Topology& topology, std::int64_t num_gpus);

/// The plan with the same number of GPUs (or fewer, if none works) nearest to `plan`: fewest changed
/// fields, then smallest relative change. Deterministic. Nothing when the search finds none.
std::optional<Plan> nearest_feasible_plan(const Model& model, const Plan& plan,
                                          const Training& training, const Topology& topology,
                                          std::int64_t num_gpus);

}  // namespace stepcast
