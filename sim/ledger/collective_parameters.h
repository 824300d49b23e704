// What a fit to collectives may move: figures of a network profile, each with what is known of it
// beforehand and with the networks and GPUs it belongs to. Shared profiles start from NCCL's own
// constants; a calibration starts from a shipped profile.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/cost/network_profile.h"
#include "sim/ledger/log_fit.h"

namespace stepcast {

struct CollectiveParameter {
  Prior prior;  ///< its name: "LL.base", "nic_latency efa", "intra_efficiency hopper"
  std::vector<std::string> networks;  ///< profiles that it stands in, by name; empty: all
  std::string generation;             ///< of GPUs; empty: all
  std::function<void(NetworkProfile&, double)> set;

  bool concerns(const std::string& network, const std::string& generation) const;
};

/// Of all shared profiles together. Priors are the latencies and bandwidths by which NCCL 2.30
/// chooses (src/graph/tuning.cc), the rest judgements; what only one system could tell is held
/// together with its like, or tightly by its prior.
std::vector<CollectiveParameter> shared_parameters();

/// The profiles they make: what is not fitted, with every parameter at its prior. Unfilled, with
/// rows for the known generations.
std::vector<NetworkProfile> shared_profiles();

/// Sets in `profile`, which belongs to `network` and is filled for `generation`, what concerns it.
void set_parameters(const std::vector<CollectiveParameter>& parameters,
                    const std::vector<double>& values, const std::string& network,
                    const std::string& generation, NetworkProfile& profile);

/// Of one machine, starting from `base`, filled for its generation: only figures above zero.
std::vector<CollectiveParameter> calibration_parameters(const NetworkProfile& base);

}  // namespace stepcast
