// From the fastest closed form to a transfer that takes exactly that long on an idle network.
#include "sim/engine/collective_flows.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "sim/base/error.h"
#include "sim/base/plain_text.h"
#include "sim/engine/calibrated_figure.h"
#include "sim/engine/collective_timing.h"

namespace stepcast {
namespace {

/// What one unit flow carries.
double unit_bytes(const GroupGeometry& group, CollectiveKind kind, double size,
                  Algorithm algorithm) {
  if (const ScheduleLoads* loads = group.schedule(kind, algorithm))
    return size / loads->chunks * loads->chunks_per_unit;
  switch (algorithm) {
    case Algorithm::kRing:
      return ring_bytes(group, kind, size) / group.num_channels();
    case Algorithm::kTree:
    case Algorithm::kNvls:
    case Algorithm::kNvlsTree:
      return size * group.halves_per_tree_unit() / (2.0 * group.num_channels());
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
double idle_rate(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                 Algorithm algorithm) {
  const double intra = profile.intra_efficiency, inter = profile.inter_efficiency;
  if (const ScheduleLoads* loads = group.schedule(kind, algorithm))
    return std::min(intra * loads->intra_rate, inter * loads->inter_rate);
  if (algorithm == Algorithm::kPairwise)
    return std::min(intra * group.all_to_all_intra_bandwidth(),
                    inter * group.all_to_all_inter_bandwidth()) /
           group.all_to_all_peers_at_once();
  if (algorithm == Algorithm::kRing)
    return std::min(intra * group.intra_bandwidth(), inter * group.inter_bandwidth()) /
           group.num_channels();
  const double nvlink =
      algorithm == Algorithm::kTree ? group.tree_intra_bandwidth() : group.intra_bandwidth();
  return std::min(intra * nvlink, inter * group.tree_inter_bandwidth()) *
         group.halves_per_tree_unit() / (2.0 * group.num_channels());
}

/// A way to do it, and how long it takes.
struct Choice {
  Algorithm algorithm{};
  Protocol protocol = Protocol::kSimple;
  Timing timing;
};

/// The fastest way that `allowed` leaves; of equally fast ones the first.
std::optional<Choice> best_choice(const GroupGeometry& group, const NetworkProfile& profile,
                                  CollectiveKind kind, double size,
                                  const CollectiveChoice& allowed) {
  std::optional<Choice> best;
  for (Algorithm algorithm : kAllAlgorithms) {
    if (!allowed.algorithms.contains(algorithm)) continue;
    for (Protocol protocol : {Protocol::kSimple, Protocol::kLl128, Protocol::kLl}) {
      if (!allowed.protocols.contains(protocol)) continue;
      if (!has_way(group, profile, kind, algorithm, protocol)) continue;
      const Timing timing = timing_of(group, profile, kind, size, algorithm, protocol);
      if (!best || timing.total() < best->timing.total())
        best = Choice{algorithm, protocol, timing};
    }
  }
  return best;
}

/// What was timed between ranks of one node.
std::optional<Choice> measured_choice(const GroupGeometry& group, const NetworkProfile& profile,
                                      CollectiveKind kind, Bytes size) {
  if (group.num_nodes() > 1) return {};
  const auto time = profile.points.time(kind, group.num_ranks(), size);
  if (!time) return {};
  const bool pairwise = kind == CollectiveKind::kAllToAll;
  return Choice{pairwise ? Algorithm::kPairwise : Algorithm::kRing, Protocol::kSimple,
                Timing{.transfer = time->value()}};
}

/// Corrections were measured with the library's own choices, none of which is followed transfer by
/// transfer.
CalibratedFigure figure_of(const GroupGeometry& group, const NetworkProfile& profile,
                           CollectiveKind kind, double size, Algorithm algorithm) {
  if (is_scheduled(algorithm))
    return {.factor = 1, .grade = worst(profile.grade, Grade::kTransferred)};
  return calibrated_figure(profile, name_of(kind), group.num_ranks(), group.num_nodes(),
                           Bytes(static_cast<std::int64_t>(size)));
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
  const double rate = idle_rate(group, profile, kind, choice.algorithm);
  const CalibratedFigure calibrated = figure_of(group, profile, kind, size, choice.algorithm);
  plan.grade = calibrated.grade;
  plan.latency = plan.latency * std::min(1.0, calibrated.factor);
  const double total = choice.timing.total() * calibrated.factor;
  const double rest = std::max(total - plan.latency.value(), bytes / rate);
  plan.uncontended = plan.latency + Seconds(rest);
  if (bytes <= 0) {
    plan.latency = plan.uncontended;
    return plan;
  }
  plan.bytes = bytes;
  const ScheduleLoads* loads = group.schedule(kind, choice.algorithm);
  plan.links = loads != nullptr ? loads->links : group.links_of(choice.algorithm);
  if (bytes / rest < rate * (1 - 1e-12)) plan.rate_bound = bytes / rest;
  return plan;
}

/// "ring" or "tree"; empty when `set` is the usual one.
template <typename Enum, std::size_t N>
std::string asked(const std::array<Enum, N>& all, EnumSet<Enum> set, EnumSet<Enum> usual,
                  std::string_view what) {
  if (set == usual) return "";
  std::string text;
  for (const Enum value : all)
    if (set.contains(value))
      text += (text.empty() ? "" : " or ") + ("\"" + std::string(name_of(value)) + "\"");
  return std::string(what) + " " + text;
}

/// What these GPUs can do: "ring (LL, Simple) pat (Simple)".
std::string known_ways(const GroupGeometry& group, const NetworkProfile& profile,
                       CollectiveKind kind) {
  std::string known;
  for (const Algorithm algorithm : kAllAlgorithms) {
    std::string protocols;
    for (const Protocol protocol : kAllProtocols)
      if (has_way(group, profile, kind, algorithm, protocol))
        protocols += (protocols.empty() ? "" : ", ") + std::string(name_of(protocol));
    if (!protocols.empty()) known += " " + std::string(name_of(algorithm)) + " (" + protocols + ")";
  }
  return known;
}

/// " (...)"; empty where there is nothing to say.
std::string reason_against(const GroupGeometry& group, const NetworkProfile& profile,
                           CollectiveKind kind, AlgorithmSet asked_for) {
  for (const Algorithm algorithm : kAllAlgorithms) {
    const ScheduleLoads* loads = group.schedule(kind, algorithm);
    if (!asked_for.contains(algorithm) || loads == nullptr) continue;
    if (!loads->refusal.empty()) return " (" + loads->refusal + ")";
    if (algorithm == Algorithm::kSharp && profile.sharp_efficiency == 0)
      return " (network profile \"" + profile.name +
             "\" has no \"sharp_efficiency\": nobody has said what its switches reach)";
  }
  return "";
}

/// Says what was asked for, where, and what there is.
Error impossible(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                 const CollectiveChoice& allowed) {
  const std::string algorithms =
      asked(kAllAlgorithms, allowed.algorithms, kUsualAlgorithms, "algorithm");
  const std::string protocols =
      asked(kAllProtocols, allowed.protocols, kUsualProtocols, "protocol");
  const std::string why = reason_against(group, profile, kind, allowed.algorithms);
  Problem problem = allowed.place;
  problem.message = problem.path.empty() ? "" : ": ";
  problem.message += algorithms + (algorithms.empty() || protocols.empty() ? "" : " with ") +
                     protocols + " does not do " + std::string(name_of(kind)) + " among " +
                     std::to_string(group.num_ranks()) + " GPUs on " +
                     counted(group.num_nodes(), "node") + why +
                     "; these do:" + known_ways(group, profile, kind) +
                     ". Name one of them, or leave the choice to the profile";
  return Error(ErrorKind::kUnsupported, {problem});
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
  return plan_collective(geometry, profile, kind, size, profile.choices.of(kind, size));
}

FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                         CollectiveKind kind, Bytes size, const CollectiveChoice& allowed) {
  if (geometry.num_ranks() == 1) {
    FlowPlan nothing;
    nothing.grade = profile.grade;
    return nothing;
  }
  const auto bytes = static_cast<double>(size.value());
  auto choice = allowed.is_free() ? measured_choice(geometry, profile, kind, size) : std::nullopt;
  if (!choice) choice = best_choice(geometry, profile, kind, bytes, allowed);
  STEPCAST_CHECK(choice || !allowed.is_free(), "no algorithm for a collective");
  if (!choice) throw impossible(geometry, profile, kind, allowed);
  return make_plan(geometry, profile, kind, bytes, *choice);
}

namespace {

/// What channels get together that could move `offered` of a NIC's rate and are given `capacity`.
double side_by_side(double offered, double capacity) {
  const double share = offered / capacity;
  return offered / std::sqrt(1 + share * share);
}

}  // namespace

FlowPlan plan_p2p(const PairGeometry& pair, const NetworkProfile& profile, Bytes size,
                  const NcclChannels& channels) {
  FlowPlan plan;
  plan.algorithm = Algorithm::kPairwise;
  plan.protocol = Protocol::kSimple;
  plan.bytes = static_cast<double>(size.value());
  plan.grade = profile.grade;
  plan.latency = pair.same_node() ? profile.p2p_latency_intra
                                  : profile.p2p_latency_inter + profile.nic_latency;
  plan.latency += pair.latency();
  plan.uncontended = plan.latency;
  if (plan.bytes == 0 || pair.links().empty()) return plan;
  plan.links = pair.links();
  const double capacity = pair.same_node() ? profile.intra_efficiency : profile.inter_efficiency;
  double efficiency = capacity;
  if (!pair.same_node()) {
    efficiency = std::min(capacity, profile.p2p_efficiency);
    const double offered = channels.per_far_peer * profile.p2p_channel_rate.value();
    if (channels.per_far_peer < channels.wanted_per_far_peer && offered > 0)
      efficiency = std::min(efficiency, side_by_side(offered / pair.bandwidth(), capacity));
  }
  const double rate = pair.bandwidth() * efficiency;
  if (efficiency < capacity) plan.rate_bound = rate;
  Seconds transfer(plan.bytes / rate);
  if (const auto measured = pair.same_node() ? profile.points.time({}, 2, size) : std::nullopt) {
    plan.latency = Seconds(0);
    transfer = std::max(*measured, transfer);
    plan.rate_bound = plan.bytes / transfer.value();
  }
  plan.uncontended = plan.latency + transfer;
  return plan;
}

void append_path(std::span<const LinkWeight> links, std::vector<std::uint32_t>& path) {
  for (const LinkWeight& use : links) path.insert(path.end(), use.weight, use.link);
}

}  // namespace stepcast
