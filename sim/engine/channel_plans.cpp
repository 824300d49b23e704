#include "sim/engine/channel_plans.h"

#include <set>

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

const NetworkProfile& ChannelPlans::slowest_network(std::uint32_t channel_class,
                                                    std::uint32_t transfer) const {
  const auto& models = costs_.models();
  const std::uint32_t slowest =
      models.size() == 1 ? 0 : slowest_plan(channel_class, transfers_[transfer]).second;
  return models[slowest]->network();
}

std::pair<FlowPlan, std::uint32_t> ChannelPlans::slowest_plan(std::uint32_t channel_class,
                                                              const TransferKey& transfer) const {
  const JobChannels& all = channels_.unfolded();
  const std::uint32_t id = channels_.classes()[channel_class].channel;
  std::set<std::uint32_t> models;
  for (const auto& member : all.graph.members_of(id)) {
    models.insert(costs_.model_of(job_.ranks[member.rank].program));
    if (models.size() == costs_.models().size()) break;
  }
  std::pair<FlowPlan, std::uint32_t> slowest;
  for (const std::uint32_t model : models) {
    const NetworkProfile& network = costs_.models()[model]->network();
    const FlowPlan plan =
        all.channels[id].is_group()
            ? plan_collective(all.geometry[id], network, transfer.kind, transfer.size)
            : plan_p2p(channels_.pair(channel_class), network, transfer.size);
    if (model == *models.begin() || plan.uncontended > slowest.first.uncontended)
      slowest = {plan, model};
  }
  return slowest;
}

ClassPlan ChannelPlans::make(std::uint32_t channel_class, const TransferKey& transfer) const {
  const FlowPlan plan = slowest_plan(channel_class, transfer).first;
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
