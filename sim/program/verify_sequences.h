// Part of verify(Job): what ranks meet in, compared op by op.
#pragma once

#include "sim/program/findings.h"
#include "sim/program/job.h"

namespace stepcast {

/// The k-th send of a rank and the k-th receive of its neighbour agree in size and tag; the k-th
/// collectives of all ranks of a group agree in kind, size and element type; and none is left over.
/// Each pair of programs is compared once. The places must be sound.
void check_sequences(const Job& job, Findings& findings);

}  // namespace stepcast
