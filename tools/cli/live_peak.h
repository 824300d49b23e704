// stepcast live: the peak rate of what the ranks compute on, for model FLOP/s utilisation.
#pragma once

#include <string>
#include <vector>

#include "kernels/gpu_profiler/gpu_device.h"
#include "sim/stepcast.h"

namespace stepcast::cli {

/// Of all devices that the ranks use together, in the precision of the scenario.
struct LivePeak {
  std::string of;         ///< "1 x H200-SXM-141GB"
  FlopsPerSec rate{};     ///< zero: unknown
  std::string unknown{};  ///< then why
};

/// Of the GPUs that ranks use, each found among `devices` by what its driver says. What the
/// scenario's topology has does not count: a rank may run elsewhere, and several may share a GPU.
LivePeak peak_of_gpus(const std::vector<GpuFacts>& used, const std::vector<Device>& devices,
                      Dtype precision);

/// Of the cores that `ranks` have of this machine's `cores`: known where the scenario's topology is
/// of cores (whose peak is its word). `cores` 0: it is not known who shares one.
LivePeak peak_of_cores(const Scenario& scenario, std::size_t ranks, std::size_t cores);

}  // namespace stepcast::cli
