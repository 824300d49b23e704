// Trains a job for real on ranks that mpirun started, on one node or several:
//
//   mpirun -n 4 stepcast live SCENARIO
#pragma once

#include <string>
#include <string_view>

#include "kernels/live/live_run.h"
#include "kernels/mpi/mpi_group.h"
#include "kernels/mpi/rank_witness.h"

namespace stepcast {

/// Throws Error(kInfeasible) when mpirun started another number of ranks than the job has.
void check_ranks(const MpiGroup& group, const Job& job);

/// Before anything else that ranks do together, or they would wait for each other in different
/// places. `choices` is what the ranks of this process were told beside `options`, which needs no
/// platform; `version` is that of this build. Throws as check_ranks() does, and Error(kLiveRank) on
/// all ranks when they have other builds, programs, options or choices: each with its ranks.
void check_agreement(MpiGroup& group, const Job& job, const LiveOptions& options,
                     std::string_view choices, std::string_view version);

/// As run_live(), to be called by all ranks of the group, whose witness is given; what they kept is
/// in rank 0's outcome, and the others' is empty. A rank that fails ends the run for all
/// (MpiGroup::run).
///
/// Throws Error(kUnsupported) as check_live() does, and for a comparison between ranks of several
/// nodes or that share a core.
LiveOutcome run_live_over_mpi(MpiGroup& group, const RankWitness& witness, const Job& job,
                              const LiveOptions& options);

/// What ranks kept, as far as it came to rank 0.
LiveOutcome outcome_of(const RankWitness& witness, const std::string& failure);

}  // namespace stepcast
