#include "sim/engine/channel_plans.h"

namespace stepcast {

ChannelPlans::ChannelPlans(const FoldedChannels& channels, const Job& job, const JobCosts& costs,
                           const std::vector<TransferKey>& transfers)
    : channels_(channels),
      job_(job),
      costs_(costs),
      transfers_(transfers),
      plans_(channels.classes().size() * transfers.size()) {}

const ClassPlan& ChannelPlans::at(std::uint32_t channel_class, std::uint32_t transfer) {
  auto& plan = plans_[channel_class * transfers_.size() + transfer];
  if (!plan) plan = make(channel_class, transfers_[transfer]);
  return *plan;
}

/// All members of a channel belong to one job.
const NetworkProfile& ChannelPlans::network_of(std::uint32_t channel) const {
  const Rank rank = channels_.unfolded().graph.members_of(channel).front().rank;
  return costs_.of(job_.ranks[rank].program).network();
}

ClassPlan ChannelPlans::make(std::uint32_t channel_class, const TransferKey& transfer) const {
  const JobChannels& all = channels_.unfolded();
  const std::uint32_t id = channels_.classes()[channel_class].channel;
  const FlowPlan plan =
      all.channels[id].is_group()
          ? plan_collective(all.geometry[id], network_of(id), transfer.kind, transfer.size)
          : plan_p2p(channels_.pair(channel_class), network_of(id), transfer.size);
  ClassPlan result{.latency = plan.latency.value(),
                   .bytes = plan.bytes,
                   .rate_bound = plan.rate_bound,
                   .uncontended = plan.uncontended.value(),
                   .path = {}};
  if (!plan.links.empty())
    result.path = channels_.path(channel_class, transfer.kind, plan.algorithm);
  return result;
}

std::vector<double> ChannelPlans::capacities(const Fabric& fabric) const {
  std::vector<double> result;
  for (std::uint32_t link : channels_.quotient().links.representative)
    result.push_back(costs_.capacity(fabric.links()[link]));
  return result;
}

}  // namespace stepcast
