// GpuSensors by NVIDIA's management library, which comes with the driver. It is opened at run time
// (dlopen), so that stepcast needs neither its header nor the library to be built or to run.
#pragma once

#include <memory>
#include <string>

#include "kernels/gpu_profiler/gpu_sensors.h"

namespace stepcast {

/// The sensors of the GPU at that PCI address. Throws nothing: where the library or the GPU can't
/// be had, missing() of the result says why. Functions that a library lacks (old drivers), and what
/// a GPU does not report, are left out one by one.
std::unique_ptr<GpuSensors> open_nvml(const std::string& bus_id,
                                      const std::string& library = "libnvidia-ml.so.1");

}  // namespace stepcast
