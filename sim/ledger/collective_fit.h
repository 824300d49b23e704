// Network profiles from timed collectives: those that are shipped, from many systems at once, with
// every system left out in turn; and the profile of one machine, from its own sweeps.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/ledger/collective_parameters.h"
#include "sim/ledger/collective_samples.h"
#include "sim/ledger/statistics.h"

namespace stepcast {

struct FittedSample {
  std::string id, system, sweep;
  BenchOp op{};
  std::int64_t size = 0;
  double measured_s = 0;
  double fitted_s = 0;
  std::optional<double> left_out_s;  ///< by a fit that has not seen its system
};

struct SharedFit {
  std::vector<std::string> parameters;
  std::vector<double> priors, values, sigmas;  ///< by parameter; sigma of the logarithm
  std::vector<FittedSample> samples;
  std::vector<NetworkProfile> profiles;  ///< unfilled, with rows for the known generations
  /// By system, the profiles of a fit that has not seen it.
  std::map<std::string, std::vector<NetworkProfile>> profiles_without;
};

/// Whether it takes part in fits and in the headline errors: broadcast and reduce do not, because
/// nccl-tests times an asynchronous root.
bool is_fitted(BenchOp op);

/// Systems of profiles that shared_profiles() has not (TCP, Omni-Path) take no part. With
/// `leave_out`, each system is predicted by a fit to the others. A few seconds a fit.
SharedFit fit_shared_profiles(const CollectiveSamples& set, bool leave_out);

}  // namespace stepcast
