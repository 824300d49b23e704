#include "sim/engine/schedule_loads.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "sim/base/error.h"
#include "sim/engine/group_geometry.h"

namespace stepcast {
namespace {

/// Schedules have some n^2 transfers.
constexpr int kMostRanks = 512;

bool has_full_nodes(const GroupGeometry& group) {
  return group.num_nodes() * group.ranks_per_node() == group.num_ranks();
}

/// The sides of the torus that the group fills; empty when it does not fill one.
std::vector<std::uint32_t> torus_of(const Fabric& fabric, const GroupGeometry& group) {
  const std::int64_t node = fabric.node_of(group.members().front());
  const auto grid = fabric.grid_of(node);
  if (!grid || group.num_nodes() > 1) return {};
  std::vector<std::uint32_t> sides;
  std::int64_t gpus = 1;
  for (std::size_t d = 0; d < grid->dims.size(); ++d) {
    if (!grid->wraps(d)) return {};
    gpus *= grid->dims[d];
    sides.push_back(static_cast<std::uint32_t>(grid->dims[d]));
  }
  if (gpus != group.num_ranks()) return {};
  return sides;
}

bool are_equal(const std::vector<std::uint32_t>& sides) {
  return std::adjacent_find(sides.begin(), sides.end(), std::not_equal_to<>()) == sides.end();
}

/// Why the group can't go this way; empty when it can.
std::string refusal_of(const GroupGeometry& group, ScheduledWay way, const GroupShape& shape) {
  const auto rows = collective_algorithms();
  if (std::none_of(rows.begin(), rows.end(), [&](const CollectiveAlgorithm& row) {
        return row.kind == way.kind && row.name == name_of(way.algorithm);
      }))
    return "there is no such algorithm for this operation";
  if (group.num_ranks() > kMostRanks)
    return "it is followed transfer by transfer, among up to " + std::to_string(kMostRanks) +
           " GPUs";
  switch (way.algorithm) {
    case Algorithm::kPat:
      // NCCL 2.23 brought it for communicators of one GPU per node.
      return group.ranks_per_node() == 1 ? "" : "it wants one GPU per node";
    case Algorithm::kHalvingDoubling:
      return has_full_nodes(group) && std::has_single_bit(shape.ranks)
                 ? ""
                 : "it wants a power of two of GPUs, equally many on every node";
    case Algorithm::kHierarchical:
      return has_full_nodes(group) ? "" : "it wants equally many GPUs on every node";
    case Algorithm::kTorus:
      // With unequal sides the parts of the buffer meet on links at times that no step tells.
      return !shape.torus_dims.empty() && are_equal(shape.torus_dims)
                 ? ""
                 : "it wants all GPUs of one torus whose sides are equal, of 3 or more";
    default:
      break;
  }
  STEPCAST_CHECK(false, "no algorithm that is followed transfer by transfer");
}

/// Seconds per byte, 0 where nothing is loaded.
double inverse_share(const Fabric& fabric, const LinkWeights& weights, bool inter_node) {
  return 1 / least_share(fabric, weights, inter_node);
}

/// Walks a schedule step by step.
class Walk {
 public:
  Walk(const Fabric& fabric, const GroupGeometry& group)
      : fabric_(fabric), group_(group), counter_(fabric), gpus_(group.members()) {}

  /// What `schedule` puts on links, into `loads`.
  void run(const CollectiveSchedule& schedule, ScheduleLoads& loads) {
    const auto& transfers = schedule.transfers;
    for (std::size_t first = 0; first < transfers.size();) {
      std::size_t last = first;
      ScheduleStep step;
      while (last < transfers.size() && transfers[last].step == transfers[first].step)
        step.latency = std::max(step.latency, add_message(transfers, last));
      first = last;
      const LinkWeights weights = counter_.take();
      step.intra = inverse_share(fabric_, weights, false);
      step.inter = inverse_share(fabric_, weights, true);
      loads.steps.push_back(step);
      loads.links = merged(loads.links, weights);
    }
  }

 private:
  /// Chunks of one step that go the same way, from `at` on; moves `at` behind them. Returns the
  /// latency of the links.
  Seconds add_message(const std::vector<Transfer>& transfers, std::size_t& at) {
    const Transfer& head = transfers[at];
    std::uint32_t chunks = 0;
    for (; at < transfers.size() && transfers[at].step == head.step &&
           transfers[at].from == head.from && transfers[at].to == head.to;
         ++at)
      ++chunks;
    path_.clear();
    group_.route(fabric_, 0, gpus_[head.from], gpus_[head.to], true, path_);
    counter_.add_path(path_, chunks);
    return fabric_.latency_of(path_);
  }

  const Fabric& fabric_;
  const GroupGeometry& group_;
  LinkCounter counter_;
  std::vector<std::uint32_t> gpus_;
  std::vector<LinkId> path_;
};

}  // namespace

std::vector<ScheduledWay> scheduled_ways(CollectiveKind kind, const CollectiveChoice& choice) {
  std::vector<ScheduledWay> ways;
  for (const Algorithm algorithm : kAllAlgorithms)
    if (is_scheduled(algorithm) && choice.algorithms.contains(algorithm))
      ways.push_back({kind, algorithm});
  return ways;
}

std::vector<ScheduledWay> scheduled_ways(const CollectiveChoices& choices) {
  std::vector<ScheduledWay> ways;
  const auto add = [&](CollectiveKind kind, const CollectiveChoice& choice) {
    for (const ScheduledWay& way : scheduled_ways(kind, choice))
      if (std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(way);
  };
  for (std::size_t kind = 0; kind < choices.by_kind.size(); ++kind)
    add(static_cast<CollectiveKind>(kind), choices.by_kind[kind]);
  for (const ChoiceBySize& rule : choices.overrides) add(rule.kind, rule.choice);
  return ways;
}

CollectiveSchedule schedule_of(const ScheduleLoads& loads) {
  STEPCAST_CHECK(loads.refusal.empty(), "a group that can't go this way");
  return find_algorithm(loads.way.kind, name_of(loads.way.algorithm)).make_for(loads.shape);
}

ScheduleLoads find_schedule_loads(const Fabric& fabric, const GroupGeometry& group,
                                  ScheduledWay way) {
  ScheduleLoads loads;
  loads.way = way;
  loads.shape = {.ranks = static_cast<std::uint32_t>(group.num_ranks()),
                 .per_node = static_cast<std::uint32_t>(group.ranks_per_node()),
                 .torus_dims = torus_of(fabric, group)};
  loads.refusal = refusal_of(group, way, loads.shape);
  if (!loads.refusal.empty() || group.num_ranks() == 1) return loads;
  const CollectiveSchedule schedule = schedule_of(loads);
  loads.chunks = schedule.chunks;
  Walk(fabric, group).run(schedule, loads);
  for (const LinkWeight& use : loads.links)
    loads.chunks_per_unit = std::gcd(loads.chunks_per_unit, use.weight);
  for (LinkWeight& use : loads.links) use.weight /= loads.chunks_per_unit;
  loads.intra_rate = least_share(fabric, loads.links, false);
  loads.inter_rate = least_share(fabric, loads.links, true);
  return loads;
}

}  // namespace stepcast
