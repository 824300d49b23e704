// Which of the known devices is the GPU that is here?
#pragma once

#include <string>
#include <vector>

#include "kernels/gpu_profiler/gpu_device.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// Whether the name that the driver gives a GPU has the device's chip as a word: "NVIDIA H100 80GB
/// HBM3" that of H100-SXM-80GB.
bool has_chip_of(const std::string& gpu, const Device& device);

/// Whether the GPU may be that device: it has its chip, and its SMs are as many. Of devices with
/// the same chip, memory decides (match_gpu).
bool may_be(const GpuFacts& gpu, const Device& device);

/// The one of `devices` that the GPU is: of those it may be, the one whose memory is nearest, if it
/// is within 8 %. Throws Error(kUnsupported) when there is none, with what the GPU says of itself.
const Device& match_gpu(const GpuFacts& gpu, const std::vector<Device>& devices);

}  // namespace stepcast
