// What all fits of kernel models have in common: parameters go into a profile, the cost model's own
// formulas predict the kernels that were timed, and log_fit.h moves the parameters. So a model
// predicts what it was fitted to, and its formula stands once, in sim/cost/cost_model.cpp.
#pragma once

#include <functional>
#include <vector>

#include "kernels/profiler/profile_fit.h"
#include "sim/ledger/log_fit.h"

namespace stepcast {

/// Puts values of the parameters, in the order of their priors, into a profile.
using ApplyParameters = std::function<void(DeviceProfile&, const std::vector<double>&)>;

/// The values of least ln(predicted / measured) over `timed`, held together by the priors. Throws
/// as fit_logs() does.
std::vector<double> fit_kernels(const Device& device, const std::vector<TimedKernel>& timed,
                                const std::vector<Prior>& priors, const ApplyParameters& apply);

/// predicted / measured - 1 of each kernel, in the condition that it was timed in.
std::vector<double> errors_of(const Device& device, const DeviceProfile& profile,
                              const std::vector<TimedKernel>& timed);

}  // namespace stepcast
