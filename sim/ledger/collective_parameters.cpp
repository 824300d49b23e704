#include "sim/ledger/collective_parameters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "sim/base/error.h"
#include "sim/cost/network_fields.h"

namespace stepcast {
namespace {

constexpr double kMostMove = 6;  ///< standard deviations a parameter may go from its prior

using Setter = std::function<void(NetworkProfile&, double)>;

/// "nic_latency" or, of a protocol, "LL.base".
Setter setter_of(std::string_view key) {
  for (const NetworkField& field : network_fields())
    if (field.key == key)
      return [&field](NetworkProfile& profile, double value) { field.set(profile, value); };
  const std::size_t dot = key.find('.');
  for (int i = 0; i < kNumProtocols && dot != std::string_view::npos; ++i) {
    if (name_of(static_cast<Protocol>(i)) != key.substr(0, dot)) continue;
    for (const ProtocolField& field : protocol_fields())
      if (field.key == key.substr(dot + 1))
        return [&field, i](NetworkProfile& profile, double value) {
          ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(i)];
          if (const auto* time = std::get_if<1>(&field.field))
            costs.** time = Seconds(value);
          else
            costs.*std::get<0>(field.field) = value;
        };
  }
  STEPCAST_CHECK(false, "a parameter names no field of a network profile");
}

Prior prior_of(std::string name, double centre, double sigma, double upper = 0) {
  const double span = std::exp(kMostMove * sigma);
  return {.name = std::move(name),
          .centre = centre,
          .sigma = sigma,
          .lower = centre / span,
          .upper = upper > 0 ? upper : centre * span};
}

constexpr double kUs = 1e-6, kGb = 1e9;

struct SharedRow {
  std::string_view key;
  double centre, sigma;
};

/// tuning.cc: baseLat and hwLat (ring: one figure for LL, LL128 and Simple each, by kind of link);
/// efficiencies: half the wire carries flags in LL, 120 of 128 bytes carry data in LL128.
constexpr double kLatency = 0.25;  ///< NCCL's own tables moved by about as much between releases
constexpr SharedRow kShared[] = {
    {"LL.base", 6.6 * kUs, kLatency},
    {"LL.ring_hop_intra", 0.6 * kUs, kLatency},
    {"LL.ring_hop_inter", 2.7 * kUs, kLatency},
    {"LL.tree_hop_intra", 0.6 * kUs, kLatency},
    {"LL.tree_hop_inter", 5.0 * kUs, kLatency},
    {"LL.ring_efficiency", 0.5, 0.3},
    {"LL.tree_efficiency", 0.4, 0.4},
    {"LL128.base", 9.0 * kUs, 0.4},  // 14 in tuning.cc since 2.12, 4.4 and 10 before: a choice
    {"LL128.ring_hop_intra", 1.9 * kUs, kLatency},
    {"LL128.ring_hop_inter", 4.0 * kUs, kLatency},
    {"LL128.tree_hop_intra", 1.25 * kUs, kLatency},
    {"LL128.tree_hop_inter", 8.5 * kUs, kLatency},
    {"LL128.ring_efficiency", 0.8, 0.3},
    {"LL128.tree_efficiency", 0.7, 0.3},
    {"Simple.base", 8.4 * kUs, kLatency},
    {"Simple.ring_hop_intra", 3.4 * kUs, kLatency},
    {"Simple.ring_hop_inter", 14.0 * kUs, kLatency},
    {"Simple.tree_hop_intra", 4.0 * kUs, kLatency},
    {"Simple.tree_hop_inter", 14.0 * kUs, kLatency},
    {"scale_loss", 0.01, 0.7},
    {"coupling", 0.7, 0.5},
    {"ll_tree_share", 0.5, 0.5},
    {"ring_fill", 1.0, 0.7},
    {"tree_fill", 0.6, 0.5},
    {"ring_ll_fill", 1.0, 0.7},
    {"tree_ll_fill", 0.3, 0.7},
    {"nvls_fill", 0.6, 0.5},
    {"tree_efficiency_one_node", 1.0, 0.1},
    {"tree_efficiency_two_nodes", 0.95, 0.1},
    {"tree_efficiency_many_nodes", 0.95, 0.1},
    {"nvls_latency", 25.0 * kUs, 0.3},    // tuning.cc: 25
    {"nvls_hop_inter", 21.0 * kUs, 0.3},  // tuning.cc: 20.9
    {"nvls_inter_efficiency", 0.95, 0.1},
    {"all_to_all_base", 9.0 * kUs, 0.5},
    {"all_to_all_peer_intra", 4.0 * kUs, 0.5},
    {"all_to_all_intra_efficiency", 0.95, 0.1},
    {"all_to_all_fill", 0.3, 0.5},
    {"p2p_latency_inter", 20.0 * kUs, 0.7},
    {"p2p_channel_rate", 15.0 * kGb, 0.2},
    {"single_process_floor", 36.0 * kUs, 0.3},  // eight launches of 4.5 us
    {"p2p_call", 0.5 * kUs, 0.5},
    {"python_floor", 40.0 * kUs, 0.3},
};

struct NetworkRow {
  std::string_view key;
  std::string_view label;  ///< of the group of networks that share it
  double centre, sigma;
};
/// InfiniBand and RoCE are alike to NCCL (its IB verbs plugin); the others have a plugin and a
/// proxy of their own between NCCL and the NIC, hence the latencies.
constexpr NetworkRow kByNetwork[] = {
    {"inter_efficiency", "ib", 0.95, 0.05},
    {"inter_efficiency", "efa", 0.95, 0.05},
    {"inter_efficiency", "slingshot", 0.95, 0.05},
    {"inter_efficiency", "tcpx", 0.95, 0.05},
    {"sharp_efficiency", "infiniband", 0.7, 0.1},
    {"sharp_gather_efficiency", "infiniband", 0.95, 0.05},
    {"nic_latency", "efa", 15.0 * kUs, 0.7},
    {"nic_latency", "slingshot", 2.0 * kUs, 0.7},
    {"nic_latency", "tcpx", 25.0 * kUs, 0.7},
    {"rendezvous_latency", "ib", 1.0 * kUs, 0.5},
    {"rendezvous_latency", "plugin", 15.0 * kUs, 0.5},
    {"all_to_all_peer_inter", "ib", 1.5 * kUs, 0.7},
    {"all_to_all_peer_inter", "efa", 4.0 * kUs, 0.7},
    {"all_to_all_peer_inter", "slingshot", 6.0 * kUs, 0.7},
    {"all_to_all_peer_inter", "tcpx", 6.0 * kUs, 0.7},
    {"all_to_all_inter_efficiency", "ib", 0.85, 0.1},
    {"all_to_all_inter_efficiency", "slingshot", 0.6, 0.3},
    {"all_to_all_inter_efficiency", "efa", 0.8, 0.3},
    {"all_to_all_inter_efficiency", "tcpx", 0.7, 0.3},
};

std::vector<std::string> networks_called(std::string_view label) {
  if (label == "ib") return {"nccl-ib", "nccl-roce"};
  if (label == "infiniband") return {"nccl-ib"};  // whose switches add
  if (label == "plugin") return {"nccl-efa", "nccl-slingshot", "nccl-tcpx"};
  return {"nccl-" + std::string(label)};
}

struct GenerationRow {
  std::string_view generation;
  double intra_efficiency, nvls_efficiency;
  double ll_channel_rate, net_overhead;
  double tree_two_nodes, tree_many_nodes;  ///< tuning.cc: perChMaxTreeBws
};
/// The net overhead is 2 us on AMD hosts, which carried most A100, and 1 us on others.
constexpr GenerationRow kGenerations[] = {
    {"volta", 0.80, 0, 3 * kGb, 1.0 * kUs, 18.5 * kGb, 10.0 * kGb},
    {"ampere", 0.78, 0, 4 * kGb, 2.0 * kUs, 23.6 * kGb, 17.8 * kGb},
    {"hopper", 0.81, 0.62, 10 * kGb, 1.2 * kUs, 41.4 * kGb, 36.0 * kGb},
    {"blackwell", 0.77, 0.50, 10 * kGb, 1.2 * kUs, 42.8 * kGb, 24.0 * kGb},
};
/// PCIe without NVLink: judgements; no published sweep.
constexpr GenerationRow kAda{"ada", 0.65, 0, 4 * kGb, 1.2 * kUs, 23.6 * kGb, 17.8 * kGb};

std::vector<std::pair<std::string, double>> values_of(const GenerationRow& row) {
  std::vector<std::pair<std::string, double>> values{
      {"intra_efficiency", row.intra_efficiency},
      {"net_overhead", row.net_overhead},
      {"low_latency_factor", 1.0},
      {"ll_channel_rate", row.ll_channel_rate},
      {"tree_channel_rate_two_nodes", row.tree_two_nodes},
      {"tree_channel_rate_many_nodes", row.tree_many_nodes}};
  if (row.nvls_efficiency > 0) values.emplace_back("nvls_efficiency", row.nvls_efficiency);
  return values;
}

double sigma_of(std::string_view key) {
  if (key == "low_latency_factor") return 0.4;
  if (key == "ll_channel_rate") return 0.5;
  if (key == "net_overhead") return 0.2;
  return key.starts_with("tree_channel_rate") ? 0.15 : 0.05;
}

}  // namespace

bool CollectiveParameter::concerns(const std::string& network,
                                   const std::string& of_generation) const {
  return (generation.empty() || generation == of_generation) &&
         (networks.empty() ||
          std::find(networks.begin(), networks.end(), network) != networks.end());
}

std::vector<CollectiveParameter> shared_parameters() {
  std::vector<CollectiveParameter> parameters;
  for (const SharedRow& row : kShared)
    parameters.push_back({.prior = prior_of(std::string(row.key), row.centre, row.sigma),
                          .networks = {},
                          .generation = {},
                          .set = setter_of(row.key)});
  for (const NetworkRow& row : kByNetwork) {
    const bool efficiency = row.key == "inter_efficiency" || row.key == "sharp_gather_efficiency";
    parameters.push_back({.prior = prior_of(std::string(row.key) + " " + std::string(row.label),
                                            row.centre, row.sigma, efficiency ? 1 : 0),
                          .networks = networks_called(row.label),
                          .generation = {},
                          .set = setter_of(row.key)});
  }
  for (const GenerationRow& row : kGenerations)
    for (const auto& [key, value] : values_of(row))
      parameters.push_back(
          {.prior = prior_of(key + " " + std::string(row.generation), value, sigma_of(key)),
           .networks = {},
           .generation = std::string(row.generation),
           .set = setter_of(key)});
  return parameters;
}

std::vector<NetworkProfile> shared_profiles() {
  NetworkProfile common;
  common.grade = Grade::kFitted;
  common.rendezvous_size = Bytes(128 << 10);
  common.ring_chunk = Bytes(2 << 20);                 // half of NCCL_BUFFSIZE
  common.ll_limit_two_nodes = BytesPerSec(39 * kGb);  // tuning.cc: llMaxBws, Intel hosts
  common.ll_limit_many_nodes = BytesPerSec(20.4 * kGb);
  common.nvls_min_ranks = 6;
  common.p2p_latency_intra = Seconds(9 * kUs);
  common.p2p_efficiency = 0.85;
  for (const GenerationRow& row : kGenerations)
    common.generations.push_back({std::string(row.generation), values_of(row)});
  common.generations.push_back({std::string(kAda.generation), values_of(kAda)});
  const std::vector<CollectiveParameter> parameters = shared_parameters();
  std::vector<double> priors;
  for (const CollectiveParameter& parameter : parameters) priors.push_back(parameter.prior.centre);
  std::vector<NetworkProfile> profiles;
  for (const char* name : {"nccl-ib", "nccl-roce", "nccl-efa", "nccl-slingshot", "nccl-tcpx"}) {
    NetworkProfile profile = common;
    profile.name = name;
    profile.relative_sigma = profile.name == "nccl-ib" || profile.name == "nccl-roce" ? 0.25 : 0.35;
    if (profile.name == "nccl-ib")
      profile.sharp_latency = Seconds(43 * kUs);  // tuning.cc: NVLS 25, 18 more between nodes
    set_parameters(parameters, priors, name, "", profile);
    profiles.push_back(std::move(profile));
  }
  return profiles;
}

void set_parameters(const std::vector<CollectiveParameter>& parameters,
                    const std::vector<double>& values, const std::string& network,
                    const std::string& generation, NetworkProfile& profile) {
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].concerns(network, generation)) parameters[i].set(profile, values[i]);
}

namespace {

struct CalibrationRow {
  std::string_view key;
  double sigma;
};
/// How far a machine may be from the shipped profile of its kind.
constexpr CalibrationRow kCalibration[] = {
    {"intra_efficiency", 0.05},
    {"inter_efficiency", 0.2},
    {"intra_latency_factor", 0.2},
    {"inter_latency_factor", 0.2},
    {"nic_latency", 0.35},
    {"rendezvous_latency", 0.35},
    {"net_overhead", 0.15},
    {"scale_loss", 0.25},
    {"low_latency_factor", 0.2},
    {"ll_channel_rate", 0.25},
    {"LL.base", 0.2},
    {"LL128.base", 0.2},
    {"Simple.base", 0.2},
    {"ring_fill", 0.35},
    {"tree_fill", 0.35},
    {"ring_ll_fill", 0.35},
    {"tree_ll_fill", 0.35},
    {"nvls_fill", 0.35},
    {"tree_efficiency_one_node", 0.05},
    {"tree_efficiency_two_nodes", 0.1},
    {"tree_efficiency_many_nodes", 0.1},
    {"nvls_efficiency", 0.05},
    {"nvls_latency", 0.2},
    {"nvls_inter_efficiency", 0.1},
    {"sharp_efficiency", 0.1},
    {"sharp_gather_efficiency", 0.05},
    {"all_to_all_base", 0.35},
    {"all_to_all_peer_intra", 0.35},
    {"all_to_all_peer_inter", 0.35},
    {"all_to_all_fill", 0.25},
    {"all_to_all_intra_efficiency", 0.05},
    {"all_to_all_inter_efficiency", 0.2},
    {"p2p_latency_intra", 0.35},
    {"p2p_latency_inter", 0.35},
    {"p2p_efficiency", 0.1},
    {"p2p_channel_rate", 0.1},
    {"single_process_floor", 0.15},
    {"p2p_call", 0.35},
    {"python_floor", 0.15},
};

double value_in(const NetworkProfile& profile, std::string_view key) {
  for (const NetworkField& field : network_fields())
    if (field.key == key) return field.get(profile);
  for (int i = 0; i < kNumProtocols; ++i)
    if (std::string(name_of(static_cast<Protocol>(i))) + ".base" == key)
      return profile.protocols[static_cast<std::size_t>(i)].base.value();
  return 0;
}

}  // namespace

std::vector<CollectiveParameter> calibration_parameters(const NetworkProfile& base) {
  std::vector<CollectiveParameter> parameters;
  for (const CalibrationRow& row : kCalibration)
    if (const double value = value_in(base, row.key); value > 0)
      parameters.push_back({.prior = prior_of(std::string(row.key), value, row.sigma),
                            .networks = {},
                            .generation = {},
                            .set = setter_of(row.key)});
  return parameters;
}

}  // namespace stepcast
