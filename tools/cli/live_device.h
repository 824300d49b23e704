// stepcast live --device: what the ranks compute on.
#pragma once

#include <memory>
#include <string>

#include "kernels/live/live_platform.h"
#include "sim/stepcast.h"

namespace stepcast::cli {

struct DeviceChoice {
  std::string device = "auto";  ///< "cpu", "cuda", or "auto": as the scenario's topology has it
  bool reference = false;       ///< plain loops, on cores only
  bool on_this_machine = true;
};

struct ChosenDevice {
  std::unique_ptr<LivePlatform> platform;
  std::string name;  ///< for the user: "cores", "1 x NVIDIA H200"
};

/// Throws Error(kUnsupported) with the reason when GPUs are asked for and can't be used, and
/// Error(kInfeasible) when the ranks' tensors don't fit in what is free on them.
ChosenDevice choose_device(const DeviceChoice& choice, const Scenario& scenario, const Job& job);

}  // namespace stepcast::cli
