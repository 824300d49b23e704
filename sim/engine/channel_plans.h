// What transfers mean on folded channels with given network profiles: the part of the channels that
// changes with costs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "sim/engine/channels.h"
#include "sim/engine/job_costs.h"

namespace stepcast {

/// A transfer on a channel class, ready for the solver over link classes. Times in seconds.
struct ClassPlan {
  double latency = 0, bytes = 0, rate_bound = 0;
  double uncontended = 0;
  std::span<const std::uint32_t>
      path;  ///< owned by the channels; empty where a closed form will do
};

class ChannelPlans {
 public:
  /// Keeps references to all of them.
  ChannelPlans(const FoldedChannels& channels, const Job& job, const JobCosts& costs,
               const std::vector<TransferKey>& transfers);

  /// Made on demand. References stay good.
  const ClassPlan& at(std::uint32_t channel_class, std::uint32_t transfer);
  /// Of the member that does worst at it: members on different devices know the network
  /// differently.
  const NetworkProfile& slowest_network(std::uint32_t channel_class, std::uint32_t transfer) const;
  /// Bytes per second by link class.
  std::vector<double> capacities(const Fabric& fabric) const;

 private:
  /// Of the model that sets the pace, and its number.
  std::pair<FlowPlan, std::uint32_t> slowest_plan(std::uint32_t channel_class,
                                                  const TransferKey& transfer) const;
  ClassPlan make(std::uint32_t channel_class, const TransferKey& transfer) const;

  const FoldedChannels& channels_;
  const Job& job_;
  const JobCosts& costs_;
  const std::vector<TransferKey>& transfers_;
  std::vector<std::optional<ClassPlan>> plans_;  // by channel class, then transfer
};

}  // namespace stepcast
