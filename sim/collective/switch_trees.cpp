// All-reduce over nodes whose ranks each own a share of the buffer: the share is summed inside the
// node, summed and spread between the owners of all nodes, and spread inside the node again. What
// differs is who adds: NVSwitches inside and double trees between (NCCL's NVLSTree), or ranks
// inside and the fabric's switches between (SHARP, NCCL's CollNetDirect) [Graham et al., Scalable
// hierarchical aggregation protocol (SHArP), COM-HPC 2016].
#include "sim/base/error.h"
#include "sim/collective/algorithms.h"
#include "sim/collective/compose.h"
#include "sim/collective/tree_shape.h"

namespace stepcast {
namespace {

// Lanes of a rank. What goes to the other ranks of the node takes kFirstPeer and the peer's number.
constexpr std::uint32_t kToSwitch = 0, kFromOwner = 1, kUp = 2, kDown = 3, kFirstPeer = 16;

struct Nodes {
  std::uint32_t ranks = 0, per_node = 1;
  std::uint32_t count() const { return ranks / per_node; }
  std::uint32_t rank(std::uint32_t node, std::uint32_t local) const {
    return node * per_node + local;
  }
};

CollectiveSchedule over_nodes(const Nodes& nodes, std::uint32_t chunks, std::uint32_t switches) {
  STEPCAST_CHECK(nodes.per_node >= 1 && nodes.ranks % nodes.per_node == 0, "nodes must be full");
  return {.kind = CollectiveKind::kAllReduce,
          .ranks = nodes.ranks,
          .chunks = chunks,
          .transfers = {},
          .switches = switches};
}

/// Sums `chunk` in the NVSwitch of every node, on behalf of local rank `owner`.
void sum_in_nvswitches(StepPlanner& plan, const Nodes& nodes, std::uint32_t owner,
                       std::uint32_t chunk) {
  for (std::uint32_t node = 0; node < nodes.count() && nodes.per_node > 1; ++node) {
    const std::uint32_t nvswitch = nodes.ranks + node;
    for (std::uint32_t local = 0; local < nodes.per_node; ++local)
      plan.add({.from = nodes.rank(node, local),
                .to = nvswitch,
                .chunk = chunk,
                .lane = kToSwitch,
                .reduce = true});
    plan.add({.from = nvswitch, .to = nodes.rank(node, owner), .chunk = chunk, .lane = owner});
  }
}

void spread_by_nvswitches(StepPlanner& plan, const Nodes& nodes, std::uint32_t owner,
                          std::uint32_t chunk) {
  for (std::uint32_t node = 0; node < nodes.count() && nodes.per_node > 1; ++node) {
    const std::uint32_t nvswitch = nodes.ranks + node;
    plan.add({.from = nodes.rank(node, owner), .to = nvswitch, .chunk = chunk, .lane = kFromOwner});
    for (std::uint32_t local = 0; local < nodes.per_node; ++local)
      if (local != owner)
        plan.add({.from = nvswitch,
                  .to = nodes.rank(node, local),
                  .chunk = chunk,
                  .lane = nodes.per_node + local});
  }
}

/// Up and down one of the double trees between the owners of a share.
void all_reduce_along_tree(StepPlanner& plan, const Nodes& nodes, std::uint32_t owner,
                           std::uint32_t tree, std::uint32_t chunk) {
  const std::vector<std::uint32_t> parents = double_tree_parents(nodes.count(), tree);
  const std::vector<std::uint32_t> order = children_first(parents);
  for (const std::uint32_t node : order)
    if (parents[node] != kTreeRoot)
      plan.add({.from = nodes.rank(node, owner),
                .to = nodes.rank(parents[node], owner),
                .chunk = chunk,
                .lane = kUp,
                .reduce = true});
  for (auto node = order.rbegin(); node != order.rend(); ++node)
    if (parents[*node] != kTreeRoot)
      plan.add({.from = nodes.rank(parents[*node], owner),
                .to = nodes.rank(*node, owner),
                .chunk = chunk,
                .lane = kDown});
}

/// Every rank of a node sends to the owner and gets the result from it, directly.
void between_owner_and_peers(StepPlanner& plan, const Nodes& nodes, std::uint32_t owner,
                             std::uint32_t chunk, bool to_owner) {
  for (std::uint32_t node = 0; node < nodes.count(); ++node)
    for (std::uint32_t local = 0; local < nodes.per_node; ++local) {
      if (local == owner) continue;
      const std::uint32_t peer = nodes.rank(node, local), own = nodes.rank(node, owner);
      if (to_owner)
        plan.add(
            {.from = peer, .to = own, .chunk = chunk, .lane = kFirstPeer + owner, .reduce = true});
      else
        plan.add({.from = own, .to = peer, .chunk = chunk, .lane = kFirstPeer + local});
    }
}

/// Up to the root of the switches, every one of which adds, and down again.
void all_reduce_in_switches(StepPlanner& plan, const Nodes& nodes, std::uint32_t radix,
                            const std::vector<std::uint32_t>& parents, std::uint32_t owner,
                            std::uint32_t chunk) {
  const std::uint32_t first = nodes.ranks;
  for (std::uint32_t node = 0; node < nodes.count(); ++node)
    plan.add({.from = nodes.rank(node, owner),
              .to = first + node / radix,
              .chunk = chunk,
              .lane = kUp,
              .reduce = true});
  const auto count = static_cast<std::uint32_t>(parents.size());
  for (std::uint32_t id = 0; id + 1 < count; ++id)
    plan.add(
        {.from = first + id, .to = first + parents[id], .chunk = chunk, .lane = 0, .reduce = true});
  for (std::uint32_t id = count - 1; id-- > 0;)
    plan.add({.from = first + parents[id], .to = first + id, .chunk = chunk, .lane = 1 + id});
  for (std::uint32_t node = 0; node < nodes.count(); ++node)
    plan.add({.from = first + node / radix,
              .to = nodes.rank(node, owner),
              .chunk = chunk,
              .lane = 1 + count + nodes.rank(node, owner)});
}

}  // namespace

/// Inside its node a rank sends S + S/g, between nodes at the most 2 S/g.
CollectiveSchedule nvls_tree_all_reduce(std::uint32_t ranks, std::uint32_t per_node,
                                        std::uint32_t pieces) {
  const Nodes nodes{.ranks = ranks, .per_node = per_node};
  CollectiveSchedule schedule = over_nodes(nodes, 2 * per_node * pieces, nodes.count());
  StepPlanner plan(schedule);
  for (std::uint32_t chunk = 0; chunk < schedule.chunks; ++chunk) {
    const std::uint32_t owner = chunk % per_node, tree = chunk / per_node % 2;
    sum_in_nvswitches(plan, nodes, owner, chunk);
    all_reduce_along_tree(plan, nodes, owner, tree, chunk);
    spread_by_nvswitches(plan, nodes, owner, chunk);
  }
  plan.finish();
  return schedule;
}

/// Inside its node a rank sends 2 S (g-1)/g, to the fabric S/g: half of what a ring sends.
CollectiveSchedule sharp_all_reduce(std::uint32_t ranks, std::uint32_t per_node,
                                    std::uint32_t radix, std::uint32_t pieces) {
  STEPCAST_CHECK(radix >= 2, "a tree of switches has two children at the least");
  const Nodes nodes{.ranks = ranks, .per_node = per_node};
  const std::vector<std::uint32_t> parents =
      nodes.count() > 1 ? switch_tree_parents(nodes.count(), radix) : std::vector<std::uint32_t>{};
  CollectiveSchedule schedule =
      over_nodes(nodes, per_node * pieces, static_cast<std::uint32_t>(parents.size()));
  StepPlanner plan(schedule);
  for (std::uint32_t chunk = 0; chunk < schedule.chunks; ++chunk) {
    const std::uint32_t owner = chunk % per_node;
    between_owner_and_peers(plan, nodes, owner, chunk, true);
    if (nodes.count() > 1) all_reduce_in_switches(plan, nodes, radix, parents, owner, chunk);
    between_owner_and_peers(plan, nodes, owner, chunk, false);
  }
  plan.finish();
  return schedule;
}

}  // namespace stepcast
