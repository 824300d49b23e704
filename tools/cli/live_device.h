// stepcast live --device: what the ranks compute on.
#pragma once

#include <memory>
#include <string>

#include "kernels/live/live_platform.h"
#include "sim/stepcast.h"
#include "tools/cli/live_peak.h"
#include "tools/cli/live_ranks.h"

namespace stepcast::cli {

struct DeviceChoice {
  std::string device = "auto";  ///< "cpu", "cuda", or "auto": as the scenario's topology has it
  bool reference = false;       ///< plain loops, on cores only
  bool through_host = false;    ///< GPUs communicate by memory of the host, not by NCCL
};

struct ChosenDevice {
  std::unique_ptr<LivePlatform> platform;
  std::string name;  ///< for the user: "cores", "1 x NVIDIA H200"
  LivePeak peak;
};

/// Throws Error(kUnsupported) with the reason when GPUs are asked for and can't be used,
/// Error(kInfeasible) when the ranks' tensors don't fit in what is free on them, and under mpirun
/// for more ranks on a GPU than the topology's device is shared by, Error(kLiveRank) when ranks
/// have other versions of CUDA. To be called by all ranks that mpirun started.
ChosenDevice choose_device(const DeviceChoice& choice, LiveRanks& ranks, const Scenario& scenario,
                           const Job& job, const Library& library);

}  // namespace stepcast::cli
