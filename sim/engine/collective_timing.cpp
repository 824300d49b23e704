#include "sim/engine/collective_timing.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "sim/base/error.h"
#include "sim/engine/schedule_timing.h"

namespace stepcast {
namespace {

constexpr double kLlWireBytes = 2;  // on the wire for each byte of data: 4 of flag after 4 of data
constexpr double kLlBytesPerChannel = 4096;
/// Slots of the buffer between two ranks, for each channel (NCCL_STEPS).
constexpr double kBufferSlots = 8;

/// log2(nodes), linear between powers of two: the levels of a tree, without libm.
double doublings(int nodes) {
  const auto count = static_cast<unsigned>(nodes);
  const int whole = std::bit_width(count) - 1;
  return whole + static_cast<double>(count) / static_cast<double>(1u << whole) - 1.0;
}

/// Rate of two parts in a row, as NetworkProfile::coupling has it.
double coupled(double a, double b, double coupling) {
  const double slow = std::min(a, b);
  const double share = slow / std::max(a, b);  // 0 when one of them is no limit
  const double squared = share * share;
  return slow / std::sqrt(std::sqrt(1 + coupling * squared * squared));
}

/// Bandwidths of a group's rings, or trees, with the profile's efficiencies.
struct Bandwidth {
  double intra = 0, inter = 0;
};

Bandwidth bandwidth_of(const GroupGeometry& group, const NetworkProfile& profile) {
  STEPCAST_CHECK(profile.intra_efficiency > 0,
                 "a network profile must be made for_generation() before it is used");
  return {.intra = profile.intra_efficiency * group.intra_bandwidth(),
          .inter = inter_efficiency_of(group, profile) * group.inter_bandwidth()};
}

Bandwidth tree_bandwidth_of(const GroupGeometry& group, const NetworkProfile& profile) {
  return {.intra = profile.intra_efficiency * group.tree_intra_bandwidth(),
          .inter = inter_efficiency_of(group, profile) * group.tree_inter_bandwidth()};
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
    case CollectiveKind::kSendRecv:
      break;
  }
  STEPCAST_CHECK(false, "no ring does this");
}

/// Data in what goes over the wire: LL has 4 bytes of flag after 4 of data, LL128 8 after 120.
double wire_share(Protocol protocol) {
  if (protocol == Protocol::kLl) return 1 / kLlWireBytes;
  return 120.0 / 128;
}

double protocol_efficiency(const NetworkProfile& profile, Protocol protocol, double efficiency) {
  if (protocol == Protocol::kSimple) return efficiency;
  return std::min(efficiency * profile.low_latency_factor, wire_share(protocol));
}

/// A hop between nodes. A message that is too long to be sent unasked waits for its receiver.
double inter_hop(const NetworkProfile& profile, Seconds hop, Protocol protocol, double bytes) {
  double share = 1;
  const auto whole = static_cast<double>(profile.rendezvous_size.value());
  if (protocol == Protocol::kLl && whole > 0)
    share = std::sqrt(std::min(1.0, kLlWireBytes * bytes / whole));
  return hop.value() * profile.inter_latency_factor + profile.nic_latency.value() +
         share * profile.rendezvous_latency.value();
}

/// Time of one step's bytes on the one channel that NCCL leaves a small message in LL: it takes a
/// channel more for every 8 bytes per thread of 512 (NCCL_LL_THREAD_THRESHOLD), and so never sends
/// more than 4 KiB a step over one until all are in use.
double channel_time(const NetworkProfile& profile, Protocol protocol, double bytes) {
  const double rate = profile.ll_channel_rate.value();
  if (protocol != Protocol::kLl || rate == 0) return 0;
  return std::min(bytes, kLlBytesPerChannel) / rate;
}

/// Channels of a ring between nodes: one through each NIC, and NCCL doubles what its search finds.
double ring_channels(const GroupGeometry& group) { return 2.0 * group.num_rails(); }

/// What a chain through nodes takes to fill: the network moves whole slots, so a node passes on
/// nothing before it has one from every channel (or all, where that is less). All but the last of
/// the links between nodes do so before the bytes flow.
double chain_fill_time(const GroupGeometry& group, Protocol protocol, double size,
                       double bandwidth) {
  const double slots = std::min(size, ring_channels(group) * slot_bytes(protocol));
  return std::max(0, group.num_nodes() - 2) * slots / bandwidth;
}

double pace_of(const GroupGeometry& group, const NetworkProfile& profile) {
  return group.num_nodes() > 1 ? profile.ring_step_overhead.value() : 0.0;
}

/// What is left of the waits of a ring between nodes in Simple, once it goes round more than once:
/// NCCL cuts the buffer into loops of one chunk for each channel and rank. Inside a loop a rank
/// waits for what it sends next; a new loop begins without waiting, and from then on two chunks are
/// under way, so that one step's latency hides behind the other's bytes.
double share_of_waits(const GroupGeometry& group, const NetworkProfile& profile, double size) {
  const auto chunk = static_cast<double>(profile.ring_chunk.value());
  if (chunk == 0) return 1;
  const double loops = size / (ring_channels(group) * group.num_ranks() * chunk);
  return 1 / (1 + loops * loops);
}

/// Thakur, Rabenseifner and Gropp (2005), with a step for every hop and NCCL's two kinds of hops.
Timing ring_timing(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                   double size, Protocol protocol) {
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(protocol)];
  const int turns = ring_shape(kind).steps_per_rank;
  const int steps = turns * (group.num_ranks() - 1);
  const int inter_steps = turns * (group.num_nodes() - 1);
  const Bandwidth links = bandwidth_of(group, profile);
  double bandwidth = protocol_efficiency(profile, protocol, costs.ring_efficiency) *
                     coupled(links.intra, links.inter, profile.coupling);
  if (protocol == Protocol::kLl && group.num_nodes() > 1) {
    const BytesPerSec limit =
        group.num_nodes() == 2 ? profile.ll_limit_two_nodes : profile.ll_limit_many_nodes;
    if (limit.value() > 0) bandwidth = std::min(bandwidth, limit.value());
  }
  const double chunk = ring_shape(kind).whole_buffer ? size : size / group.num_ranks();
  const auto [intra, inter] = ring_hops(group, profile, protocol, chunk);
  const bool chain = ring_shape(kind).whole_buffer;
  const bool loops = !chain && protocol == Protocol::kSimple && group.num_nodes() > 1;
  // What the host's pace sets is no latency that another chunk could hide.
  const double paced = steps * pace_of(group, profile);
  const double waits = (steps - inter_steps) * intra + inter_steps * inter - paced;
  return {.first = costs.base.value(),
          .hops = paced + waits * (loops ? share_of_waits(group, profile, size) : 1) +
                  steps * channel_time(profile, protocol, chunk) +
                  (chain ? chain_fill_time(group, protocol, size, bandwidth) : 0),
          .transfer = ring_bytes(group, kind, size) / bandwidth,
          .step_fill = protocol == Protocol::kSimple ? profile.ring_fill : profile.ring_ll_fill};
}

/// Algorithm bandwidth of a double tree, by what it loads (tree_loads.h). NCCL bounds it by
/// channel, and there is one channel for each NIC (tuning.cc, perChMaxTreeBws).
double tree_bandwidth(const GroupGeometry& group, const NetworkProfile& profile) {
  const Bandwidth links = tree_bandwidth_of(group, profile);
  const double intra = profile.tree_efficiency_one_node * links.intra;
  if (group.num_nodes() == 1) return intra;
  const bool two = group.num_nodes() == 2;
  const double inter =
      (two ? profile.tree_efficiency_two_nodes : profile.tree_efficiency_many_nodes) * links.inter;
  const double rate =
      (two ? profile.tree_channel_rate_two_nodes : profile.tree_channel_rate_many_nodes).value();
  const double channels = rate > 0 ? group.num_rails() * rate / 2 : inter;
  return coupled(intra, std::min(inter, channels), profile.coupling);
}

/// Double binary tree (Sanders, Speck and Traeff, 2009) over nodes, chains inside them.
Timing tree_timing(const GroupGeometry& group, const NetworkProfile& profile, double size,
                   Protocol protocol) {
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(protocol)];
  const int nodes = group.num_nodes();
  const double levels = doublings(nodes);
  const auto [intra, inter] = tree_hops(profile, protocol, size);
  const double hops = 2 * (group.ranks_per_node() - 1 + levels);
  return {.first = costs.base.value() +
                   2 * ((group.ranks_per_node() - 1) * intra + levels * inter) +
                   hops * profile.ll_tree_share * channel_time(profile, protocol, size),
          .transfer = size / (protocol_efficiency(profile, protocol, costs.tree_efficiency) *
                              tree_bandwidth(group, profile)),
          .fill = protocol == Protocol::kSimple ? profile.tree_fill : profile.tree_ll_fill};
}

bool nvls_available(const GroupGeometry& group, const NetworkProfile& profile) {
  return profile.nvls_efficiency > 0 && group.has_switch() &&
         group.ranks_per_node() >= profile.nvls_min_ranks;
}

/// Reduction in the NVSwitch; trees between nodes (NVLSTree). With more than two nodes, what goes
/// up and what comes down share the switch.
Timing nvls_timing(const GroupGeometry& group, const NetworkProfile& profile, double size) {
  const int nodes = group.num_nodes();
  const double passes = nodes > 2 ? 2.0 : 1.0;
  const double intra = profile.nvls_efficiency * group.intra_bandwidth() / passes;
  const double inter = profile.nvls_inter_efficiency * tree_bandwidth_of(group, profile).inter;
  const double hop = inter_hop(profile, profile.nvls_hop_inter, Protocol::kSimple, size);
  return {.first = profile.nvls_latency.value() + 2 * doublings(nodes) * hop,
          .transfer = size / coupled(intra, inter, profile.coupling),
          .fill = profile.nvls_fill};
}

/// Sums and copies in the fabric's switches. Inside nodes NVLS, or on GPUs without it every rank to
/// the owner of a share and back (NCCL's CollNetDirect: nearly 2 S). The parts go side by side, so
/// the slower one sets the pace.
Timing sharp_timing(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                    double size) {
  const ScheduleLoads& loads = *group.schedule(kind, Algorithm::kSharp);
  const bool reduces_and_spreads = kind == CollectiveKind::kAllReduce;
  const double nvlink = group.num_channels() * loads.intra_rate;
  double intra = profile.intra_efficiency * nvlink;
  if (reduces_and_spreads)
    intra = nvls_available(group, profile) ? profile.nvls_efficiency * nvlink : intra / 2;
  const double share =
      reduces_and_spreads ? profile.sharp_efficiency : profile.sharp_gather_efficiency;
  return {.first = profile.sharp_latency.value(),
          .transfer = size / std::min(intra, share * group.num_channels() * loads.inter_rate),
          .fill = profile.nvls_fill};
}

/// Pairwise exchange: the parts inside and between nodes overlap.
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
          .transfer = chunk * (peers.far > 0 ? peers.far : peers.near) / std::min(intra, inter),
          .fill = profile.all_to_all_fill};
}

}  // namespace

/// By NCCL's computeBuffSizes: 4 MiB in Simple, 8 lines of 8 bytes for each of 512 threads in LL,
/// 120 words for each of 640 threads in LL128.
double slot_bytes(Protocol protocol) {
  if (protocol == Protocol::kLl) return 8 * 8 * 512;
  if (protocol == Protocol::kLl128) return wire_share(protocol) * 120 * 8 * 640;
  return (4 << 20) / kBufferSlots;
}

double inter_efficiency_of(const GroupGeometry& group, const NetworkProfile& profile) {
  double scale = 1.0;
  if (group.num_nodes() > 2)
    scale = std::max(0.1, 1.0 - profile.scale_loss * (doublings(group.num_nodes()) - 1.0));
  return profile.inter_efficiency * scale;
}

Hops ring_hops(const GroupGeometry& group, const NetworkProfile& profile, Protocol protocol,
               double chunk) {
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(protocol)];
  const bool crosses = group.num_nodes() > 1;
  const double pace = pace_of(group, profile);
  const double launch = crosses ? profile.net_overhead.value() : 0.0;
  const double intra = costs.ring_hop_intra.value() * profile.intra_latency_factor;
  return {.intra = std::max({pace, launch * (protocol == Protocol::kSimple ? 3 : 1), intra}),
          .inter = std::max(pace, inter_hop(profile, costs.ring_hop_inter, protocol, chunk))};
}

Hops tree_hops(const NetworkProfile& profile, Protocol protocol, double size) {
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(protocol)];
  return {.intra = costs.tree_hop_intra.value() * profile.intra_latency_factor,
          .inter = inter_hop(profile, costs.tree_hop_inter, protocol, size)};
}

double ring_bytes(const GroupGeometry& group, CollectiveKind kind, double size) {
  const RingShape shape = ring_shape(kind);
  if (shape.whole_buffer) return size;
  return size * shape.steps_per_rank * (group.num_ranks() - 1) / group.num_ranks();
}

double broadcast_interval(const GroupGeometry& group, const NetworkProfile& profile, double size) {
  if (size > kBufferSlots * slot_bytes(Protocol::kLl))
    return std::numeric_limits<double>::infinity();
  const Timing whole = ring_timing(group, profile, CollectiveKind::kBroadcast, size, Protocol::kLl);
  const auto [intra, inter] = ring_hops(group, profile, Protocol::kLl, size);
  const double rate = profile.ll_channel_rate.value();
  const double on_channel =
      rate > 0 ? std::min(size, kLlBytesPerChannel * group.num_ranks()) / rate : 0.0;
  return whole.first + (group.num_nodes() > 1 ? std::max(intra, inter) : intra) +
         std::max(on_channel, whole.transfer);
}

Peers peers_of(const GroupGeometry& group) {
  return {.near = group.ranks_per_node() - 1.0,
          .far = static_cast<double>(group.num_ranks() - group.ranks_per_node())};
}

bool has_way(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
             Algorithm algorithm, Protocol protocol) {
  if (kind == CollectiveKind::kSendRecv) return false;  // see plan_p2p()
  if ((kind == CollectiveKind::kAllToAll) != (algorithm == Algorithm::kPairwise)) return false;
  if (is_scheduled(algorithm)) {
    const ScheduleLoads* loads = group.schedule(kind, algorithm);
    const bool has_rates = algorithm != Algorithm::kSharp || profile.sharp_efficiency > 0;
    return protocol == Protocol::kSimple && loads != nullptr && loads->refusal.empty() && has_rates;
  }
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

namespace {

/// By the hops' costs alone.
Timing timing_without_flight(const GroupGeometry& group, const NetworkProfile& profile,
                             CollectiveKind kind, double size, Algorithm algorithm,
                             Protocol protocol) {
  switch (algorithm) {
    case Algorithm::kRing:
      return ring_timing(group, profile, kind, size, protocol);
    case Algorithm::kTree:
      return tree_timing(group, profile, size, protocol);
    case Algorithm::kNvls:
    case Algorithm::kNvlsTree:
      return nvls_timing(group, profile, size);
    case Algorithm::kSharp:
      return sharp_timing(group, profile, kind, size);
    default:
      break;
  }
  return all_to_all_timing(group, profile, size);
}

/// What the latencies of links add (WANs, long cables). Behind shared bytes it hides as the hops
/// do.
double flight_time(const GroupGeometry& group, CollectiveKind kind, Algorithm algorithm) {
  if (algorithm == Algorithm::kPairwise) return group.pair_latency().value();
  if (algorithm == Algorithm::kRing)
    return ring_shape(kind).steps_per_rank * group.ring_latency().value();
  return 2 * group.tree_latency().value();
}

}  // namespace

Timing timing_of(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                 double size, Algorithm algorithm, Protocol protocol) {
  if (is_scheduled(algorithm) && algorithm != Algorithm::kSharp)
    return schedule_timing(group, profile, *group.schedule(kind, algorithm), size);
  Timing timing = timing_without_flight(group, profile, kind, size, algorithm, protocol);
  timing.hops += flight_time(group, kind, algorithm);
  return timing;
}

}  // namespace stepcast
