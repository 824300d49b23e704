// The GPUs of this machine, as the driver lists them.
#pragma once

#include <vector>

#include "kernels/live/gpu_module.h"

namespace stepcast {

/// See GpuModule.
std::vector<GpuName> cuda_gpus();
GpuRoom cuda_room(int gpu);
std::string cuda_versions();

}  // namespace stepcast
