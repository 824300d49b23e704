// The GPUs of this machine, as the driver lists them.
#pragma once

#include <vector>

#include "kernels/live/gpu_module.h"

namespace stepcast {

/// See GpuModule::gpus().
std::vector<GpuState> cuda_gpus();

}  // namespace stepcast
