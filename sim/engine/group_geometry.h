// How a group of GPUs lies in the fabric: the rings, trees and exchanges of its collectives, and
// what each of them loads there. Depends on nothing but the fabric and the GPUs, so it outlives
// changes of the network profile; collective_flows.h turns loads into bytes and time.
//
// A rank's share of a collective runs over `channels` rings, each through another NIC of its node.
// A link's weight is the number of unit flows (one channel of one rank) that use it at the same
// time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/cost/network_profile.h"
#include "sim/engine/exchange_loads.h"
#include "sim/engine/link_weights.h"
#include "sim/engine/schedule_loads.h"
#include "sim/engine/tree_loads.h"
#include "sim/topology/fabric.h"

namespace stepcast {

/// Every node is walked over its own links; channel c enters and leaves it through its c-th NIC,
/// whose GPU passes on what the last GPU of the walk sends (as NCCL's PXN does). Loads are made
/// alike for all nodes where the algorithm itself is not: a tree is given, at every node, the load
/// of its busiest. So ranks that are alike in the job stay alike for folding.
class GroupGeometry {
 public:
  /// `gpus` in communicator order, distinct. A group of one GPU has no links. Without `all_to_all`
  /// nothing of that kind may be asked for: its loads are the costliest to find. `ways`: what
  /// may be taken of the algorithms whose loads are found on demand.
  GroupGeometry(const Fabric& fabric, std::span<const std::uint32_t> gpus, bool all_to_all = true,
                std::span<const ScheduledWay> ways = {});

  int num_ranks() const { return num_ranks_; }                       ///< n
  int num_nodes() const { return static_cast<int>(nodes_.size()); }  ///< N
  int ranks_per_node() const { return ranks_per_node_; }             ///< g, of the fullest node
  int num_channels() const { return num_channels_; }
  int num_rails() const { return num_rails_; }     ///< NICs in use, of the node with fewest
  bool has_switch() const { return has_switch_; }  ///< an NVSwitch joins the ranks of a node

  /// For message_level.h: the GPUs of channel `channel` in ring order, and the links of a message
  /// from one to the other, appended. Between nodes it leaves and enters through the channel's
  /// NICs; with `on_rail_of_receiver`, through those of the receiver's place in its node
  /// (has_pxn()).
  std::vector<std::uint32_t> ring(int channel) const;
  /// The GPU at whose NIC channel `channel` enters and leaves the node with this number.
  std::uint32_t rail(int node, int channel) const {
    const auto& of_node = rails_[static_cast<std::size_t>(node)];
    return of_node[static_cast<std::size_t>(channel) % of_node.size()];
  }
  void route(const Fabric& fabric, int channel, std::uint32_t from, std::uint32_t to,
             bool on_rail_of_receiver, std::vector<LinkId>& path) const;

  /// Ring bandwidth over all channels at nominal capacities, as the links inside nodes allow it (a
  /// GPU's NVLink rate with a switch), and as those between nodes do (the sum of a node's NICs).
  /// Infinite where there are no such links.
  double intra_bandwidth() const { return intra_bandwidth_; }
  double inter_bandwidth() const { return inter_bandwidth_; }
  /// The same of double trees and of in-switch reduction with trees between nodes: bytes of the
  /// buffer per second.
  double tree_intra_bandwidth() const { return trees_.intra_bandwidth; }
  double tree_inter_bandwidth() const { return trees_.inter_bandwidth; }
  /// What the unit flow of a tree carries: one or two halves of a channel's share.
  int halves_per_tree_unit() const { return halves_per_tree_unit_; }
  /// The same for all_to_all, per rank: what it sends to other nodes, or in a group on one node.
  double all_to_all_intra_bandwidth() const { return exchange_.intra_bandwidth; }
  double all_to_all_inter_bandwidth() const { return exchange_.inter_bandwidth; }

  /// What the latencies of links add: once round a ring (the hop that a chunk does not take is the
  /// fastest one), from the farthest rank to the root of a tree, and to the farthest peer of a
  /// pairwise exchange.
  Seconds ring_latency() const { return ring_latency_; }
  Seconds tree_latency() const { return tree_latency_; }
  Seconds pair_latency() const { return exchange_.latency; }

  /// Peers to which a rank sends at the same time in all_to_all: see exchange_loads.h.
  int all_to_all_peers_at_once() const { return exchange_.peers_at_once; }

  /// Loads of all channels' rings (unit: one channel); of double binary trees (tree_loads.h) and of
  /// in-switch reduction (unit: halves_per_tree_unit()); of a pairwise exchange (unit: one rank to
  /// one peer).
  const LinkWeights& ring_links() const { return ring_links_; }
  const LinkWeights& tree_links() const { return tree_links_; }
  const LinkWeights& nvls_links() const { return nvls_links_; }
  const LinkWeights& all_to_all_links() const { return exchange_.links; }
  const LinkWeights& links_of(Algorithm algorithm) const;

  /// The GPUs node by node, ascending inside a node.
  std::vector<std::uint32_t> members() const;
  std::vector<std::uint32_t> ranks_of_nodes() const;  ///< how many each has
  /// In order of the constructor's `ways`.
  const std::vector<ScheduleLoads>& schedules() const { return schedules_; }
  /// One of them; nullptr where the constructor was not asked for it.
  const ScheduleLoads* schedule(CollectiveKind kind, Algorithm algorithm) const;

 private:
  void place(const Fabric& fabric, std::span<const std::uint32_t> gpus);
  void find_walks(const Fabric& fabric);
  void load_rings(const Fabric& fabric);
  void load_trees(const Fabric& fabric);
  void find_tree_latency(const Fabric& fabric);
  std::size_t place_of_node(const Fabric& fabric, std::uint32_t gpu) const;

  int num_ranks_ = 0;
  int ranks_per_node_ = 0;
  int num_channels_ = 1;
  int num_rails_ = 1;
  bool has_switch_ = false;
  std::vector<std::vector<std::uint32_t>> nodes_;  ///< GPUs by node, ascending inside a node
  std::vector<std::vector<std::uint32_t>> rails_;  ///< by node: the first GPU at each NIC in use
  /// By node: the closed walks over its GPUs that rings take in turn.
  std::vector<std::vector<std::vector<std::uint32_t>>> walks_;
  Seconds ring_latency_{}, tree_latency_{};
  double intra_bandwidth_ = 0, inter_bandwidth_ = 0;
  TreeLoads trees_;
  int halves_per_tree_unit_ = 2;
  LinkWeights ring_links_, tree_links_, nvls_links_;
  ExchangeLoads exchange_;
  std::vector<ScheduleLoads> schedules_;
};

/// The way from one GPU to another.
class PairGeometry {
 public:
  PairGeometry(const Fabric& fabric, std::uint32_t from, std::uint32_t to);
  bool same_node() const { return same_node_; }
  double bandwidth() const { return bandwidth_; }  ///< nominal, of the slowest link
  Seconds latency() const { return latency_; }     ///< of its links
  const LinkWeights& links() const { return links_; }

 private:
  bool same_node_ = true;
  Seconds latency_{};
  double bandwidth_ = 0;
  LinkWeights links_;
};

}  // namespace stepcast
