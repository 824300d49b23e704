// What one sweep is worth: every system of a table calibrated on one of its sweeps, and held
// against that sweep and all its others.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/ledger/collective_fit.h"
#include "sim/ledger/collective_samples.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

struct OneSweepError {
  std::string system;
  BenchOp op{};
  std::int64_t ranks = 0, nodes = 0, size = 0;
  bool calibrated_on = false;  ///< belongs to the sweep the system was calibrated on
  double shipped = 0;          ///< errors, signed and relative: of the profile it started from
  double fitted = 0;           ///< of its closed forms after the fit
  /// With the corrections of a calibration on every second size, of the sizes that it did not see;
  /// on other sweeps, which have none, as `fitted`.
  double corrected = 0;
};

/// The profile that a system's calibration starts from, unfilled: of a system and a network's
/// profile, by name.
using StartingProfiles =
    std::function<NetworkProfile(const std::string& system, const std::string& network)>;

/// Those of the library, which may have seen the system.
StartingProfiles shipped_profiles(const Library& library);
/// Those of a fit to the other systems; of the library where `fit` says nothing of a system. Keeps
/// references to both.
StartingProfiles profiles_without_system(const SharedFit& fit, const Library& library);

/// The sweep is what a user would run first: all_reduce over the fewest nodes that are more than
/// one; of several that of most sizes, then of most ranks. Systems without a sweep of eight samples
/// are left out.
std::vector<OneSweepError> calibrate_on_one_sweep(const CollectiveSamples& set,
                                                  const StartingProfiles& start);

std::string to_table(const std::vector<OneSweepError>& errors);
std::string to_json(const std::vector<OneSweepError>& errors);

}  // namespace stepcast
