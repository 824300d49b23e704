// The GPUs of ranks that mpirun started: what each rank sees, and what is free on the one that it
// takes.
#pragma once

#include <vector>

#include "kernels/live/gpu_module.h"
#include "kernels/mpi/mpi_group.h"

namespace stepcast {

/// What each rank sees, by rank. To be called by all ranks; each loads the part for GPUs. Throws
/// Error(kUnsupported) on all of them with every rank that can't use a GPU, its host and the
/// reason.
std::vector<GpusInSight> see_gpus(MpiGroup& group);

/// Memory of the GPU of each rank, by rank, when all of them have a context there. To be called by
/// all ranks. Throws as see_gpus() does.
std::vector<GpuRoom> rooms_of_ranks(MpiGroup& group, const GpuPlacement& placement);

}  // namespace stepcast
