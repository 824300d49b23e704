// Ranks, communicators and pipeline neighbours of a plan.
#pragma once

#include "sim/model/model.h"
#include "sim/plan/plan.h"
#include "sim/program/job.h"

namespace stepcast {

/// Fills groups and ranks; the program of a rank is its pipeline stage. Groups of one rank are left
/// out, as are those of the embedding when nothing is tied across stages.
void place_ranks(Job& job, const Model& model, const Plan& plan);

}  // namespace stepcast
