// all_gather by multicast in the switches of the fabric, and reduce_scatter backwards along the
// same ways: the switches add (NCCL's CollNet over SHARP, src/device/all_gather.h and
// reduce_scatter.h). A chunk goes up from its rank to the root and down to every other node, once
// over every link; in a node the rank with the owner's place takes part for the others.
#include <algorithm>
#include <utility>

#include "sim/base/error.h"
#include "sim/collective/algorithms.h"
#include "sim/collective/compose.h"
#include "sim/collective/tree_shape.h"

namespace stepcast {
namespace {

struct Hop {
  std::uint32_t from = 0, to = 0;
};

/// The tree of switches over the nodes.
class SwitchTree {
 public:
  SwitchTree(std::uint32_t ranks, std::uint32_t per_node, std::uint32_t radix)
      : ranks_(ranks), per_node_(per_node), radix_(radix), nodes_(ranks / per_node) {
    STEPCAST_CHECK(per_node >= 1 && ranks % per_node == 0, "nodes must be full");
    STEPCAST_CHECK(radix >= 2, "a tree of switches has two children at the least");
    if (nodes_ > 1) parents_ = switch_tree_parents(nodes_, radix);
  }

  std::uint32_t num_switches() const { return static_cast<std::uint32_t>(parents_.size()); }

  /// The ways of a rank's chunk to all others, each sender after it was reached.
  std::vector<Hop> spread_from(std::uint32_t rank) const {
    std::vector<Hop> hops;
    spread_in_node(rank, hops);
    if (nodes_ > 1) {
      const std::uint32_t leaf = rank / per_node_ / radix_;
      hops.push_back({rank, ranks_ + leaf});
      pass_on(leaf, rank, kTreeRoot, hops);
    }
    return hops;
  }

 private:
  void spread_in_node(std::uint32_t rank, std::vector<Hop>& hops) const {
    const std::uint32_t first = rank / per_node_ * per_node_;
    for (std::uint32_t peer = first; peer < first + per_node_; ++peer)
      if (peer != rank) hops.push_back({rank, peer});
  }

  /// Switch `at` has the chunk of `owner` from its child `below` (kTreeRoot: a node's), and sends
  /// it up and to all its other children.
  void pass_on(std::uint32_t at, std::uint32_t owner, std::uint32_t below,
               std::vector<Hop>& hops) const {
    if (parents_[at] != kTreeRoot) {
      hops.push_back({ranks_ + at, ranks_ + parents_[at]});
      pass_on(parents_[at], owner, at, hops);
    }
    pass_down(at, owner, below, hops);
  }

  void pass_down(std::uint32_t at, std::uint32_t owner, std::uint32_t except,
                 std::vector<Hop>& hops) const {
    for (std::uint32_t child = 0; child < num_switches(); ++child) {
      if (parents_[child] != at || child == except) continue;
      hops.push_back({ranks_ + at, ranks_ + child});
      pass_down(child, owner, kTreeRoot, hops);
    }
    const bool is_leaf = at < (nodes_ + radix_ - 1) / radix_;
    for (std::uint32_t node = at * radix_; is_leaf && node < nodes_ && node / radix_ == at;
         ++node) {
      if (node == owner / per_node_) continue;
      const std::uint32_t taker = node * per_node_ + owner % per_node_;
      hops.push_back({ranks_ + at, taker});
      spread_in_node(taker, hops);
    }
  }

  std::uint32_t ranks_, per_node_, radix_, nodes_;
  std::vector<std::uint32_t> parents_;  // of switches
};

/// All chunks along their ways; backwards, adding, for reduce_scatter.
CollectiveSchedule along_the_tree(const SwitchTree& tree, CollectiveKind kind,
                                  std::uint32_t ranks) {
  CollectiveSchedule schedule{.kind = kind,
                              .ranks = ranks,
                              .chunks = ranks,
                              .transfers = {},
                              .switches = tree.num_switches()};
  const bool backwards = kind == CollectiveKind::kReduceScatter;
  StepPlanner plan(schedule);
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    std::vector<Hop> hops = tree.spread_from(rank);
    if (backwards) {
      std::reverse(hops.begin(), hops.end());
      for (Hop& hop : hops) std::swap(hop.from, hop.to);
    }
    for (const Hop& hop : hops)
      plan.add(
          {.from = hop.from, .to = hop.to, .chunk = rank, .lane = hop.to, .reduce = backwards});
  }
  plan.finish();
  return schedule;
}

}  // namespace

/// A rank sends S (g-1)/g inside its node and S/n to the fabric, from which it gets S (N-1)/n.
CollectiveSchedule sharp_all_gather(std::uint32_t ranks, std::uint32_t per_node,
                                    std::uint32_t radix) {
  return along_the_tree({ranks, per_node, radix}, CollectiveKind::kAllGather, ranks);
}

/// What a rank gets there it sends here, and the other way round.
CollectiveSchedule sharp_reduce_scatter(std::uint32_t ranks, std::uint32_t per_node,
                                        std::uint32_t radix) {
  return along_the_tree({ranks, per_node, radix}, CollectiveKind::kReduceScatter, ranks);
}

}  // namespace stepcast
