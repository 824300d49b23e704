// What a collective or a message means for the network's clock: which links it loads, for how many
// bytes, with which latency. In two steps, so that thousands of sizes cost little:
//
//   GroupGeometry geometry(fabric, ranks);                          // once per group
//   FlowPlan plan = plan_collective(geometry, profile, kind, size); // per size: arithmetic only
//
// A rank's share of a collective runs over `channels` rings, each through another NIC of its node.
// The unit of a plan's rate is one channel of one rank: a link's weight is the number of such flows
// that use it at the same time, and `bytes` is what one of them carries from begin to end.
//
// Time follows NCCL's behaviour in the closed form
//   t = L + X + kappa sqrt(L X)      L latency, X bytes over bandwidth, kappa the cost of filling
//   the
//                                    pipeline; the least t of all algorithms and protocols is
//                                    taken.
// A plan yields exactly t on an idle network. When links are shared, the rate falls and the latency
// of the hops hides behind the bytes, as it does in a chunked ring: only FlowPlan::latency is paid
// before.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/collective/kind.h"
#include "sim/cost/network_profile.h"
#include "sim/topology/fabric.h"

namespace stepcast {

/// How many unit flows use a link at the same time.
struct LinkWeight {
  LinkId link = 0;
  std::uint32_t weight = 0;
  bool operator==(const LinkWeight&) const = default;
};

/// Links by ascending id, each once.
using LinkWeights = std::vector<LinkWeight>;

/// Whether a link joins nodes (NICs, leaf switches) or is inside one.
bool is_inter_node(LinkKind kind);

/// The capacities a FlowSolver should have, in bytes per second and in order of Fabric::links():
/// nominal ones times the profile's efficiencies.
std::vector<double> effective_capacities(const Fabric& fabric, const NetworkProfile& profile);

/// The same for one link.
double effective_capacity(const Link& link, const NetworkProfile& profile);

/// How a group of GPUs lies in the fabric, and what its algorithms load there. Depends on nothing
/// but the fabric and the GPUs, so it outlives changes of the profile.
///
/// Every node is walked over its own links; channel c enters and leaves it through its c-th NIC,
/// whose GPU passes on what the last GPU of the walk sends (as NCCL's PXN does). Loads are made
/// alike for all nodes where the algorithm itself is not: a tree is given, at every node, the load
/// of its busiest. So ranks that are alike in the job stay alike for folding.
class GroupGeometry {
 public:
  /// `gpus` in communicator order, distinct. A group of one GPU has no links. Without `all_to_all`
  /// nothing of that kind may be asked for: its loads are the costliest to find.
  GroupGeometry(const Fabric& fabric, std::span<const std::uint32_t> gpus, bool all_to_all = true);

  int num_ranks() const { return num_ranks_; }                       ///< n
  int num_nodes() const { return static_cast<int>(nodes_.size()); }  ///< N
  int ranks_per_node() const { return ranks_per_node_; }             ///< g, of the fullest node
  int num_channels() const { return num_channels_; }
  bool has_switch() const { return has_switch_; }  ///< an NVSwitch joins the ranks of a node

  /// For message_level.h: the GPUs of channel `channel` in ring order, and the links of a message
  /// from one to the other, appended. Between nodes it leaves and enters through the channel's
  /// NICs; with `on_rail_of_receiver`, through those of the receiver's place in its node.
  std::vector<std::uint32_t> ring(int channel) const;
  void route(const Fabric& fabric, int channel, std::uint32_t from, std::uint32_t to,
             bool on_rail_of_receiver, std::vector<LinkId>& path) const;

  /// Ring bandwidth over all channels at nominal capacities, as the links inside nodes allow it (a
  /// GPU's NVLink rate with a switch), and as those between nodes do (the sum of a node's NICs).
  /// Infinite where there are no such links.
  double intra_bandwidth() const { return intra_bandwidth_; }
  double inter_bandwidth() const { return inter_bandwidth_; }
  /// The same for all_to_all, per rank.
  double all_to_all_intra_bandwidth() const { return all_to_all_intra_bandwidth_; }
  double all_to_all_inter_bandwidth() const { return all_to_all_inter_bandwidth_; }

  /// Peers to which a rank sends at the same time in all_to_all: all of them over direct links, one
  /// at a time where a switch or a NIC is between.
  int all_to_all_peers_at_once() const { return all_to_all_peers_at_once_; }

  /// Loads of all channels' rings (unit: one channel); of a double binary tree and of in-switch
  /// reduction (the same unit); of a pairwise exchange (unit: one rank to one peer).
  const LinkWeights& ring_links() const { return ring_links_; }
  const LinkWeights& tree_links() const { return tree_links_; }
  const LinkWeights& nvls_links() const { return nvls_links_; }
  const LinkWeights& all_to_all_links() const { return all_to_all_links_; }
  const LinkWeights& links_of(Algorithm algorithm) const;

 private:
  void place(const Fabric& fabric, std::span<const std::uint32_t> gpus);
  void find_walks(const Fabric& fabric);
  void load_rings(const Fabric& fabric);
  void load_all_to_all(const Fabric& fabric);
  std::size_t place_of_node(const Fabric& fabric, std::uint32_t gpu) const;

  int num_ranks_ = 0;
  int ranks_per_node_ = 0;
  int num_channels_ = 1;
  int all_to_all_peers_at_once_ = 1;
  bool has_switch_ = false;
  std::vector<std::vector<std::uint32_t>> nodes_;  ///< GPUs by node, ascending inside a node
  std::vector<std::vector<std::uint32_t>> rails_;  ///< by node: the first GPU at each NIC in use
  /// By node: the closed walks over its GPUs that rings take in turn.
  std::vector<std::vector<std::vector<std::uint32_t>>> walks_;
  double intra_bandwidth_ = 0, inter_bandwidth_ = 0;
  double all_to_all_intra_bandwidth_ = 0, all_to_all_inter_bandwidth_ = 0;
  LinkWeights ring_links_, tree_links_, nvls_links_, all_to_all_links_;
};

/// What to hand to FlowSolver: after `latency`, `bytes` over `links` at no more than `rate_bound`.
struct FlowPlan {
  Seconds latency;                    ///< paid before the transfer
  double bytes = 0;                   ///< of one unit flow; 0: nothing to transfer
  double rate_bound = 0;              ///< bytes per second; 0: none
  std::span<const LinkWeight> links;  ///< owned by the geometry
  Seconds uncontended;                ///< latency and transfer on an idle network
  Algorithm algorithm{};
  Protocol protocol{};
};

/// The fastest way the profile knows. `size` as nccl-tests counts it: the buffer of one rank for
/// all_reduce, broadcast, reduce and all_to_all, the concatenated one for all_gather and
/// reduce_scatter. A group of one rank takes no time.
FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                         CollectiveKind kind, Bytes size);

/// What a user may prescribe, as with NCCL_ALGO and NCCL_PROTO.
struct ForcedChoice {
  std::optional<Algorithm> algorithm{};
  std::optional<Protocol> protocol{};  ///< NVLS and all_to_all know but Simple
};

/// The fastest of what `forced` leaves. Throws Error(kUnsupported) when that is nothing.
FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                         CollectiveKind kind, Bytes size, const ForcedChoice& forced);

/// The same with the algorithm given.
inline FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                                CollectiveKind kind, Bytes size, Algorithm algorithm) {
  return plan_collective(geometry, profile, kind, size, ForcedChoice{algorithm, std::nullopt});
}

/// The way from one GPU to another.
class PairGeometry {
 public:
  PairGeometry(const Fabric& fabric, std::uint32_t from, std::uint32_t to);
  bool same_node() const { return same_node_; }
  double bandwidth() const { return bandwidth_; }  ///< nominal, of the slowest link
  const LinkWeights& links() const { return links_; }

 private:
  bool same_node_ = true;
  double bandwidth_ = 0;
  LinkWeights links_;
};

/// The communicator that a message is sent in. NCCL has one set of channels for all peers of a
/// communicator, and halves the number per peer as the communicator grows.
struct P2pCommunicator {
  int ranks = 2;
  int per_node = 1;  ///< of the fullest node
};

/// A message of `size` bytes.
FlowPlan plan_p2p(const PairGeometry& pair, const NetworkProfile& profile, Bytes size,
                  const P2pCommunicator& communicator = {});

/// Appends a path as FlowSolver::start wants it: every link as often as it weighs.
void append_path(std::span<const LinkWeight> links, std::vector<std::uint32_t>& path);

}  // namespace stepcast
