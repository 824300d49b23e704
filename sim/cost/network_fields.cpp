#include "sim/cost/network_fields.h"

namespace stepcast {
namespace {

using Network = NetworkProfile;
using Costs = ProtocolCosts;

constexpr NumberRange kEfficiency{.min = 0, .max = 2, .exclude_min = true};
constexpr NumberRange kOptionalEfficiency{.min = 0, .max = 2};
constexpr NumberRange kLatencyFactor{.min = 0.01, .max = 100};
constexpr NumberRange kFill{.min = 0, .max = 10};
constexpr NumberRange kShare{.min = 0, .max = 1};
constexpr bool kRequired = true, kByGeneration = true;

// clang-format off
constexpr NetworkField kFields[] = {
    {"relative_sigma", &Network::relative_sigma, {.min = 0, .max = 2}},
    {"intra_efficiency", &Network::intra_efficiency, kOptionalEfficiency, false, kByGeneration},
    {"inter_efficiency", &Network::inter_efficiency, kEfficiency, kRequired},
    {"intra_latency_factor", &Network::intra_latency_factor, kLatencyFactor},
    {"inter_latency_factor", &Network::inter_latency_factor, kLatencyFactor},
    {"nic_latency", &Network::nic_latency},
    {"rendezvous_latency", &Network::rendezvous_latency},
    {"net_overhead", &Network::net_overhead, {}, false, kByGeneration},
    {"ring_step_overhead", &Network::ring_step_overhead},
    {"scale_loss", &Network::scale_loss, {.min = 0, .max = 0.09}},
    {"coupling", &Network::coupling, kShare},
    {"low_latency_factor", &Network::low_latency_factor, kLatencyFactor, false, kByGeneration},
    {"ll_limit_two_nodes", &Network::ll_limit_two_nodes},
    {"ll_limit_many_nodes", &Network::ll_limit_many_nodes},
    {"ll_channel_rate", &Network::ll_channel_rate, {}, false, kByGeneration},
    {"ll_tree_share", &Network::ll_tree_share, kEfficiency},
    {"ring_fill", &Network::ring_fill, kFill},
    {"tree_fill", &Network::tree_fill, kFill},
    {"ring_ll_fill", &Network::ring_ll_fill, kFill},
    {"tree_ll_fill", &Network::tree_ll_fill, kFill},
    {"nvls_fill", &Network::nvls_fill, kFill},
    {"all_to_all_fill", &Network::all_to_all_fill, kFill},
    {"tree_efficiency_one_node", &Network::tree_efficiency_one_node, kEfficiency},
    {"tree_efficiency_two_nodes", &Network::tree_efficiency_two_nodes, kEfficiency},
    {"tree_efficiency_many_nodes", &Network::tree_efficiency_many_nodes, kEfficiency},
    {"tree_channel_rate_two_nodes", &Network::tree_channel_rate_two_nodes, {}, false, kByGeneration},
    {"tree_channel_rate_many_nodes", &Network::tree_channel_rate_many_nodes, {}, false, kByGeneration},
    {"nvls_efficiency", &Network::nvls_efficiency, kOptionalEfficiency, false, kByGeneration},
    {"nvls_latency", &Network::nvls_latency, {}, kRequired},
    {"nvls_hop_inter", &Network::nvls_hop_inter, {}, kRequired},
    {"nvls_inter_efficiency", &Network::nvls_inter_efficiency, kEfficiency},
    {"sharp_efficiency", &Network::sharp_efficiency, kOptionalEfficiency},
    {"sharp_gather_efficiency", &Network::sharp_gather_efficiency, kOptionalEfficiency},
    {"sharp_latency", &Network::sharp_latency},
    {"all_to_all_base", &Network::all_to_all_base, {}, kRequired},
    {"all_to_all_peer_intra", &Network::all_to_all_peer_intra, {}, kRequired},
    {"all_to_all_peer_inter", &Network::all_to_all_peer_inter, {}, kRequired},
    {"all_to_all_intra_efficiency", &Network::all_to_all_intra_efficiency, kEfficiency},
    {"all_to_all_inter_efficiency", &Network::all_to_all_inter_efficiency, kEfficiency},
    {"p2p_latency_intra", &Network::p2p_latency_intra, {}, kRequired},
    {"p2p_latency_inter", &Network::p2p_latency_inter, {}, kRequired},
    {"p2p_efficiency", &Network::p2p_efficiency, kEfficiency, kRequired},
    {"p2p_channel_rate", &Network::p2p_channel_rate},
    {"single_process_floor", &Network::single_process_floor},
    {"p2p_call", &Network::p2p_call},
    {"python_floor", &Network::python_floor},
};

constexpr ProtocolField kProtocolFields[] = {
    {"base", &Costs::base},
    {"ring_hop_intra", &Costs::ring_hop_intra},
    {"ring_hop_inter", &Costs::ring_hop_inter},
    {"tree_hop_intra", &Costs::tree_hop_intra},
    {"tree_hop_inter", &Costs::tree_hop_inter},
    {"ring_efficiency", &Costs::ring_efficiency},
    {"tree_efficiency", &Costs::tree_efficiency},
};
// clang-format on

}  // namespace

double NetworkField::get(const NetworkProfile& profile) const {
  if (const auto* number = std::get_if<0>(&field)) return profile.**number;
  if (const auto* time = std::get_if<1>(&field)) return (profile.**time).value();
  return (profile.*std::get<2>(field)).value();
}

void NetworkField::set(NetworkProfile& profile, double value) const {
  if (const auto* number = std::get_if<0>(&field))
    profile.** number = value;
  else if (const auto* time = std::get_if<1>(&field))
    profile.** time = Seconds(value);
  else
    profile.*std::get<2>(field) = BytesPerSec(value);
}

std::span<const NetworkField> network_fields() { return kFields; }

double network_figure(const NetworkProfile& profile, std::string_view key) {
  for (const NetworkField& field : kFields)
    if (field.key == key) return field.get(profile);
  STEPCAST_CHECK(false, "no field of a network profile has this key");
}

std::span<const ProtocolField> protocol_fields() { return kProtocolFields; }

}  // namespace stepcast
