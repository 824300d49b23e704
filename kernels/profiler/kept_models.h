// A profile that is completed: models that it had, and that new timings say nothing of, stay.
#pragma once

#include <string>

#include "sim/cost/device_profile.h"

namespace stepcast {

/// Takes over from `earlier`, of the same device and machine, each model of products, attention and
/// convolutions that `profile` lacks, and of a memory-bound kernel the one that knows more sizes.
/// (Points are the profiler's business.) Returns what was taken, as "gemm bf16, attention fp32, 2
/// memory-bound"; empty: nothing.
std::string keep_models(const DeviceProfile& earlier, DeviceProfile& profile);

}  // namespace stepcast
