// Can this plan train this model on this many GPUs? Every reason against it at once, and the
// nearest plan that works.
#pragma once

#include <optional>
#include <vector>

#include "sim/model/model.h"
#include "sim/plan/plan.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// A program lists every microbatch of a step; more than this many are refused.
inline constexpr std::int64_t kMaxMicrobatches = 100'000;
/// Each layer keeps books for each microbatch; num_layers * microbatches beyond this are refused
/// before they use up the memory of the machine that predicts.
inline constexpr std::int64_t kMaxLayerPasses = 4'000'000;

/// All reasons why not, empty when it can run. Paths are those of a scenario ("plan.tp"); `file` is
/// left to the caller. Whether it fits in memory is the memory walk's answer, and whether the
/// schedule exists is lowering's; neither is asked here.
std::vector<Problem> check_plan(const Model& model, const Plan& plan, const Training& training,
                                const Topology& topology, std::int64_t num_gpus,
                                const Traits& traits);

/// The plan with the same number of GPUs (or fewer, if none works) nearest to `plan`: fewest
/// changed fields, then smallest relative change. tp, pp, dp, virtual_stages with its schedule,
/// micro_batch_size, sequence_parallel and zero_stage may change. Deterministic. Nothing when what
/// is wrong lies outside the plan, or no plan of up to 1,024 stages works.
std::optional<Plan> nearest_feasible_plan(const Model& model, const Plan& plan,
                                          const Training& training, const Topology& topology,
                                          std::int64_t num_gpus, const Traits& traits);

}  // namespace stepcast
