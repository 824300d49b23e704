// Closed forms of the collectives, and the transfers that take exactly that long on an idle
// network. Symbols: n ranks, N nodes, g = ranks of the fullest node, S bytes; L latency, X bytes /
// bandwidth.
#include "sim/engine/collective_flows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// A candidate: t = first + hops + transfer + fill sqrt((first + hops) transfer).
struct Timing {
  double first = 0;     // latency that nothing hides
  double hops = 0;      // latency that hides behind the bytes when links are shared
  double transfer = 0;  // bytes over bandwidth on an idle network
  double fill = 0;
  double total() const {
    const double latency = first + hops;
    return latency + transfer + fill * std::sqrt(latency * transfer);
  }
};

/// log2(nodes), linear between powers of two: the levels of a tree, without libm.
double doublings(int nodes) {
  const auto count = static_cast<unsigned>(nodes);
  const int whole = std::bit_width(count) - 1;
  return whole + static_cast<double>(count) / static_cast<double>(1u << whole) - 1.0;
}

/// Bandwidths of a group with the profile's efficiencies.
struct Bandwidth {
  double intra = 0, inter = 0;
  double ring() const { return std::min(intra, inter); }
};

Bandwidth bandwidth_of(const GroupGeometry& group, const NetworkProfile& profile) {
  STEPCAST_CHECK(profile.intra_efficiency > 0,
                 "a network profile must be made for_generation() before it is used");
  double scale = 1.0;
  if (group.num_nodes() > 2)
    scale = std::max(0.1, 1.0 - profile.scale_loss * (doublings(group.num_nodes()) - 1.0));
  return {.intra = profile.intra_efficiency * group.intra_bandwidth(),
          .inter = profile.inter_efficiency * scale * group.inter_bandwidth()};
}

/// Steps of a ring, and the bytes that every rank sends, as a multiple of S.
struct RingShape {
  int steps_per_rank = 1;  // all_reduce goes round twice
  bool whole_buffer = false;
};

RingShape ring_shape(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return {.steps_per_rank = 2};
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
      return {.steps_per_rank = 1};
    case CollectiveKind::kBroadcast:
    case CollectiveKind::kReduce:
      return {.steps_per_rank = 1, .whole_buffer = true};
    case CollectiveKind::kAllToAll:
      break;
  }
  STEPCAST_CHECK(false, "all_to_all is no ring");
}

/// Bytes that pass a link of the ring, all channels together.
double ring_bytes(const GroupGeometry& group, CollectiveKind kind, double size) {
  const RingShape shape = ring_shape(kind);
  if (shape.whole_buffer) return size;
  return size * shape.steps_per_rank * (group.num_ranks() - 1) / group.num_ranks();
}

/// Thakur, Rabenseifner and Gropp (2005), with a step for every hop and NCCL's two kinds of hops.
Timing ring_timing(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                   double size, Protocol protocol) {
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(protocol)];
  const int turns = ring_shape(kind).steps_per_rank;
  const int steps = turns * (group.num_ranks() - 1);
  const int inter_steps = turns * (group.num_nodes() - 1);
  double bandwidth = costs.ring_efficiency * bandwidth_of(group, profile).ring();
  if (protocol == Protocol::kLl && group.num_nodes() > 1) {
    const BytesPerSec limit =
        group.num_nodes() == 2 ? profile.ll_limit_two_nodes : profile.ll_limit_many_nodes;
    if (limit.value() > 0) bandwidth = std::min(bandwidth, limit.value());
  }
  const double pace = group.num_nodes() > 1 ? profile.ring_step_overhead.value() : 0.0;
  const double intra = std::max(pace, costs.ring_hop_intra.value() * profile.intra_latency_factor);
  const double inter = std::max(pace, costs.ring_hop_inter.value() * profile.inter_latency_factor);
  return {.first = costs.base.value(),
          .hops = (steps - inter_steps) * intra + inter_steps * inter,
          .transfer = ring_bytes(group, kind, size) / bandwidth,
          .fill = protocol == Protocol::kSimple ? profile.ring_fill : 0};
}

double tree_efficiency(const NetworkProfile& profile, int nodes) {
  if (nodes == 1) return profile.tree_efficiency_one_node;
  return nodes == 2 ? profile.tree_efficiency_two_nodes : profile.tree_efficiency_many_nodes;
}

/// Double binary tree (Sanders, Speck and Traeff, 2009) over nodes, chains inside them.
Timing tree_timing(const GroupGeometry& group, const NetworkProfile& profile, double size,
                   Protocol protocol) {
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(protocol)];
  const int nodes = group.num_nodes();
  const Bandwidth links = bandwidth_of(group, profile);
  const double passes = nodes == 2 ? 2.0 : 1.0;  // of the NICs' bandwidth: opposite roots
  const double busiest = std::min(links.intra, passes * links.inter) / 2;
  const double intra = costs.tree_hop_intra.value() * profile.intra_latency_factor;
  const double inter = costs.tree_hop_inter.value() * profile.inter_latency_factor;
  return {.first = costs.base.value() +
                   2 * ((group.ranks_per_node() - 1) * intra + doublings(nodes) * inter),
          .transfer = size / (tree_efficiency(profile, nodes) * costs.tree_efficiency * busiest),
          .fill = protocol == Protocol::kSimple ? profile.tree_fill : 0};
}

bool nvls_available(const GroupGeometry& group, const NetworkProfile& profile) {
  return profile.nvls_efficiency > 0 && group.has_switch() &&
         group.ranks_per_node() >= profile.nvls_min_ranks;
}

/// Reduction in the NVSwitch; trees between nodes (NVLSTree).
Timing nvls_timing(const GroupGeometry& group, const NetworkProfile& profile, double size) {
  const int nodes = group.num_nodes();
  double bandwidth = profile.nvls_efficiency * group.intra_bandwidth();
  if (nodes > 1)
    bandwidth = std::min(bandwidth, profile.nvls_inter_efficiency * group.inter_bandwidth() *
                                        (nodes == 2 ? 1.0 : 0.5));
  return {.first = profile.nvls_latency.value() + 2 * doublings(nodes) *
                                                      profile.nvls_hop_inter.value() *
                                                      profile.inter_latency_factor,
          .transfer = size / bandwidth,
          .fill = profile.nvls_fill};
}

/// Ranks that a rank meets in its own node, and in others.
struct Peers {
  double near = 0, far = 0;
};
Peers peers_of(const GroupGeometry& group) {
  return {.near = group.ranks_per_node() - 1.0,
          .far = static_cast<double>(group.num_ranks() - group.ranks_per_node())};
}

/// Pairwise exchange: n - 1 rounds; the parts inside and between nodes overlap.
Timing all_to_all_timing(const GroupGeometry& group, const NetworkProfile& profile, double size) {
  STEPCAST_CHECK(group.all_to_all_intra_bandwidth() > 0, "a geometry made without all_to_all");
  const Peers peers = peers_of(group);
  const double chunk = size / group.num_ranks();
  const double intra = profile.intra_efficiency * profile.all_to_all_intra_efficiency *
                       group.all_to_all_intra_bandwidth();
  const double inter = profile.all_to_all_inter_efficiency * group.all_to_all_inter_bandwidth();
  const double near = profile.all_to_all_peer_intra.value() * profile.intra_latency_factor;
  const double far = profile.all_to_all_peer_inter.value();
  return {.first = profile.all_to_all_base.value(),
          .hops = near * peers.near + far * peers.far,
          .transfer = std::max(chunk * peers.near / intra, chunk * peers.far / inter),
          .fill = profile.all_to_all_fill};
}

/// What one unit flow carries.
double unit_bytes(const GroupGeometry& group, CollectiveKind kind, double size,
                  Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRing:
      return ring_bytes(group, kind, size) / group.num_channels();
    case Algorithm::kTree:
    case Algorithm::kNvls:
    case Algorithm::kNvlsTree:
      return size / group.num_channels();
    case Algorithm::kPairwise: {
      const Peers peers = peers_of(group);
      const double in_turn = group.num_nodes() > 1 ? peers.far : peers.near;
      return size / group.num_ranks() * in_turn / group.all_to_all_peers_at_once();
    }
    default:
      break;
  }
  return 0;
}

/// Rate of one unit flow when nothing else runs, as effective_capacities() and the weights allow.
double idle_rate(const GroupGeometry& group, const NetworkProfile& profile, Algorithm algorithm) {
  const double intra = profile.intra_efficiency, inter = profile.inter_efficiency;
  if (algorithm == Algorithm::kPairwise)
    return std::min(intra * group.all_to_all_intra_bandwidth(),
                    inter * group.all_to_all_inter_bandwidth()) /
           group.all_to_all_peers_at_once();
  const double up_and_down = group.num_nodes() > 2 ? 2.0 : 1.0;
  const double intra_load = algorithm == Algorithm::kTree ? 2.0 : 1.0;
  const double inter_load = algorithm == Algorithm::kRing ? 1.0 : up_and_down;
  return std::min(intra * group.intra_bandwidth() / intra_load,
                  inter * group.inter_bandwidth() / inter_load) /
         group.num_channels();
}

/// A way to do it, and how long it takes.
struct Choice {
  Algorithm algorithm{};
  Protocol protocol = Protocol::kSimple;
  Timing timing;
};

bool has_way(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
             Algorithm algorithm, Protocol protocol) {
  if ((kind == CollectiveKind::kAllToAll) != (algorithm == Algorithm::kPairwise)) return false;
  switch (algorithm) {
    case Algorithm::kRing:
      return true;
    case Algorithm::kTree:
      return kind == CollectiveKind::kAllReduce;
    case Algorithm::kNvls:
      return kind == CollectiveKind::kAllReduce && protocol == Protocol::kSimple &&
             group.num_nodes() == 1 && nvls_available(group, profile);
    case Algorithm::kNvlsTree:
      return kind == CollectiveKind::kAllReduce && protocol == Protocol::kSimple &&
             group.num_nodes() > 1 && nvls_available(group, profile);
    case Algorithm::kPairwise:
      return protocol == Protocol::kSimple;
    default:
      return false;
  }
}

Timing timing_of(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                 double size, Algorithm algorithm, Protocol protocol) {
  switch (algorithm) {
    case Algorithm::kRing:
      return ring_timing(group, profile, kind, size, protocol);
    case Algorithm::kTree:
      return tree_timing(group, profile, size, protocol);
    case Algorithm::kNvls:
    case Algorithm::kNvlsTree:
      return nvls_timing(group, profile, size);
    default:
      break;
  }
  return all_to_all_timing(group, profile, size);
}

/// The fastest way that `forced` leaves; of equally fast ones the first.
std::optional<Choice> best_choice(const GroupGeometry& group, const NetworkProfile& profile,
                                  CollectiveKind kind, double size, const ForcedChoice& forced) {
  std::optional<Choice> best;
  for (Algorithm algorithm : kAllAlgorithms) {
    if (forced.algorithm && algorithm != *forced.algorithm) continue;
    for (Protocol protocol : {Protocol::kSimple, Protocol::kLl128, Protocol::kLl}) {
      if (forced.protocol && protocol != *forced.protocol) continue;
      if (!has_way(group, profile, kind, algorithm, protocol)) continue;
      const Timing timing = timing_of(group, profile, kind, size, algorithm, protocol);
      if (!best || timing.total() < best->timing.total())
        best = Choice{algorithm, protocol, timing};
    }
  }
  return best;
}

/// A transfer that takes `timing.total()` when nothing else runs. Fitted efficiencies may promise a
/// little more than the links carry: then the links have the last word.
FlowPlan make_plan(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                   double size, const Choice& choice) {
  FlowPlan plan;
  plan.algorithm = choice.algorithm;
  plan.protocol = choice.protocol;
  plan.latency = Seconds(choice.timing.first);
  const double bytes = unit_bytes(group, kind, size, choice.algorithm);
  const double rate = idle_rate(group, profile, choice.algorithm);
  const double rest = std::max(choice.timing.total() - choice.timing.first, bytes / rate);
  plan.uncontended = plan.latency + Seconds(rest);
  if (bytes <= 0) {
    plan.latency = plan.uncontended;
    return plan;
  }
  plan.bytes = bytes;
  plan.links = group.links_of(choice.algorithm);
  if (bytes / rest < rate * (1 - 1e-12)) plan.rate_bound = bytes / rest;
  return plan;
}

}  // namespace

double effective_capacity(const Link& link, const NetworkProfile& profile) {
  return link.capacity.value() *
         (is_inter_node(link.kind) ? profile.inter_efficiency : profile.intra_efficiency);
}

std::vector<double> effective_capacities(const Fabric& fabric, const NetworkProfile& profile) {
  STEPCAST_CHECK(profile.intra_efficiency > 0,
                 "a network profile must be made for_generation() before it is used");
  std::vector<double> capacities;
  capacities.reserve(fabric.links().size());
  for (const Link& link : fabric.links()) capacities.push_back(effective_capacity(link, profile));
  return capacities;
}

FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                         CollectiveKind kind, Bytes size) {
  return plan_collective(geometry, profile, kind, size, ForcedChoice{});
}

FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                         CollectiveKind kind, Bytes size, const ForcedChoice& forced) {
  if (geometry.num_ranks() == 1) return {};
  const auto bytes = static_cast<double>(size.value());
  const auto choice = best_choice(geometry, profile, kind, bytes, forced);
  STEPCAST_CHECK(choice || forced.algorithm || forced.protocol, "no algorithm for a collective");
  if (!choice) {
    std::string asked;
    if (forced.algorithm) asked += "algorithm \"" + std::string(name_of(*forced.algorithm)) + "\"";
    if (forced.algorithm && forced.protocol) asked += " with ";
    if (forced.protocol) asked += "protocol \"" + std::string(name_of(*forced.protocol)) + "\"";
    throw Error(ErrorKind::kUnsupported, asked + " does not do " + std::string(name_of(kind)) +
                                             " among these GPUs; leave the choice to the profile");
  }
  return make_plan(geometry, profile, kind, bytes, *choice);
}

namespace {

/// Channels of a peer behind the network: four, which fill its NIC, halved until all peers that are
/// served at a time (one in eight) have theirs among those of the communicator. NCCL 2.30,
/// src/graph/paths.cc (ncclTopoComputeP2pChannels).
constexpr int kP2pChannels = 4;
int p2p_channels(const P2pCommunicator& communicator) {
  const int all = std::min(16, 4 * communicator.per_node);
  int channels = kP2pChannels;
  while (channels > 1 && channels * ((communicator.ranks + 7) / 8) > all) channels /= 2;
  return channels;
}

}  // namespace

FlowPlan plan_p2p(const PairGeometry& pair, const NetworkProfile& profile, Bytes size,
                  const P2pCommunicator& communicator) {
  FlowPlan plan;
  plan.algorithm = Algorithm::kPairwise;
  plan.protocol = Protocol::kSimple;
  plan.bytes = static_cast<double>(size.value());
  plan.latency = pair.same_node() ? profile.p2p_latency_intra : profile.p2p_latency_inter;
  plan.uncontended = plan.latency;
  if (plan.bytes == 0 || pair.links().empty()) return plan;
  plan.links = pair.links();
  const double capacity = pair.same_node() ? profile.intra_efficiency : profile.inter_efficiency;
  double efficiency = capacity;
  if (!pair.same_node()) {
    efficiency = std::min(capacity, profile.p2p_efficiency);
    const int channels = p2p_channels(communicator);
    const double channel_rate = profile.p2p_channel_rate.value();
    if (channels < kP2pChannels && channel_rate > 0)
      efficiency = std::min(efficiency, channels * channel_rate / pair.bandwidth());
  }
  const double rate = pair.bandwidth() * efficiency;
  if (efficiency < capacity) plan.rate_bound = rate;
  plan.uncontended += Seconds(plan.bytes / rate);
  return plan;
}

void append_path(std::span<const LinkWeight> links, std::vector<std::uint32_t>& path) {
  for (const LinkWeight& use : links) path.insert(path.end(), use.weight, use.link);
}

}  // namespace stepcast
