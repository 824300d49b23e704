// lower(model, plan, training, traits) -> the programs of all ranks. A pure function, and the only
// place where parallelism is decided. Programs are built once per rank class: the pipeline stage.
#pragma once

#include "sim/model/model.h"
#include "sim/plan/plan.h"
#include "sim/program/job.h"

namespace stepcast {

/// The plan must have passed check_plan (plan/feasibility.h). Throws Error(kUnsupported) for what
/// can't be expressed yet.
Job lower(const Model& model, const Plan& plan, const Training& training, const Traits& traits);

}  // namespace stepcast
