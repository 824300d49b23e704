// Programs of a job whose ranks run on several kinds of device: the ops are the same, their times
// and the memory around them are not.
#pragma once

#include <span>
#include <string>

#include "sim/program/job.h"

namespace stepcast {

/// `job` with a program of its own for every device that runs it. `device_of_rank` are indices into
/// `names`; programs are then called "stage 3 of 8 on H100-SXM-80GB".
Job split_by_device(Job job, std::span<const std::uint32_t> device_of_rank,
                    std::span<const std::string> names);

}  // namespace stepcast
