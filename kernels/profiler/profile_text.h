// What `stepcast profile` says of its run.
#pragma once

#include <string>
#include <vector>

#include "kernels/profiler/profile_fit.h"
#include "kernels/profiler/profile_run.h"

namespace stepcast {

/// Throws Error when the run timed nothing, with the reason: a device that stopped working
/// (kLiveRank), else all refused, stopped before the first kernel, or what disturbed every sample
/// (kUnsupported): `notes` say it of GPUs, else others have the cores of this machine.
void require_usable(const ProfileRun& run, const std::vector<std::string>& notes = {});

/// For people: how each model does on shapes it has not seen, what was refused and what is unknown.
std::string profile_table(const Device& device, const ProfileRun& run, const FittedProfile& fitted);

/// {"device", "kernels", "kept", "points", "refused": [{"kernel", "reason"}], "unknown", "samples",
/// "dropped_samples", "complete", "models": [{"name", "fitted_shapes", "held_out_shapes",
/// "median_abs", "p90_abs", "bias"}]}; errors are fractions.
std::string profile_json(const Device& device, const ProfileRun& run, const FittedProfile& fitted);

}  // namespace stepcast
