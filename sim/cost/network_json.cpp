// topologies/networks/*.json <-> NetworkProfile. Keys are spelled like the fields.
#include <string>
#include <utility>

#include "sim/base/json_writer.h"
#include "sim/base/quantity_text.h"
#include "sim/cost/network_profile.h"

namespace stepcast {
namespace {

constexpr NumberRange kEfficiency{.min = 0, .max = 2, .exclude_min = true};
constexpr NumberRange kOptionalEfficiency{.min = 0, .max = 2};
constexpr NumberRange kLatencyFactor{.min = 0.01, .max = 100};
constexpr NumberRange kFill{.min = 0, .max = 5};

Seconds latency(Fields& fields, std::string_view key) {
  return fields.quantity<Seconds>(key, /*allow_zero=*/true);
}

ProtocolCosts read_protocol(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  ProtocolCosts costs;
  costs.base = latency(fields, "base");
  costs.ring_hop_intra = latency(fields, "ring_hop_intra");
  costs.ring_hop_inter = latency(fields, "ring_hop_inter");
  costs.tree_hop_intra = latency(fields, "tree_hop_intra");
  costs.tree_hop_inter = latency(fields, "tree_hop_inter");
  costs.ring_efficiency = fields.number("ring_efficiency", kEfficiency, 1);
  costs.tree_efficiency = fields.number("tree_efficiency", kEfficiency, 1);
  fields.finish();
  return costs;
}

void read_protocols(Fields& fields, Problems& problems, NetworkProfile& profile) {
  const auto table = fields.required_child("protocols");
  if (!table) return;
  Fields protocols(*table, problems);
  for (int i = 0; i < kNumProtocols; ++i)
    if (const auto value = protocols.required_child(name_of(static_cast<Protocol>(i))))
      profile.protocols[static_cast<std::size_t>(i)] = read_protocol(*value, problems);
  protocols.finish();
}

void read_generations(Fields& fields, Problems& problems, NetworkProfile& profile) {
  const auto table = fields.child("generations");
  if (!table) return;
  for (const std::string& name : table->keys()) {
    Fields row(*table->member(name), problems);
    InterconnectGeneration generation;
    generation.generation = name;
    generation.intra_efficiency = row.number("intra_efficiency", kEfficiency);
    generation.nvls_efficiency = row.number("nvls_efficiency", kOptionalEfficiency, 0);
    row.finish();
    profile.generations.push_back(std::move(generation));
  }
}

void read_tree(Fields& fields, NetworkProfile& profile) {
  profile.tree_fill = fields.number("tree_fill", kFill, 0);
  profile.tree_efficiency_one_node = fields.number("tree_efficiency_one_node", kEfficiency, 1);
  profile.tree_efficiency_two_nodes = fields.number("tree_efficiency_two_nodes", kEfficiency, 1);
  profile.tree_efficiency_many_nodes = fields.number("tree_efficiency_many_nodes", kEfficiency, 1);
}

void read_nvls(Fields& fields, NetworkProfile& profile) {
  profile.nvls_fill = fields.number("nvls_fill", kFill, 0);
  profile.nvls_efficiency = fields.number("nvls_efficiency", kOptionalEfficiency, 0);
  profile.nvls_min_ranks = fields.integer("nvls_min_ranks", {.min = 2, .max = 1024}, 6);
  profile.nvls_latency = latency(fields, "nvls_latency");
  profile.nvls_hop_inter = latency(fields, "nvls_hop_inter");
  profile.nvls_inter_efficiency = fields.number("nvls_inter_efficiency", kEfficiency, 1);
}

void read_all_to_all(Fields& fields, NetworkProfile& profile) {
  profile.all_to_all_fill = fields.number("all_to_all_fill", kFill, 0);
  profile.all_to_all_base = latency(fields, "all_to_all_base");
  profile.all_to_all_peer_intra = latency(fields, "all_to_all_peer_intra");
  profile.all_to_all_peer_inter = latency(fields, "all_to_all_peer_inter");
  profile.all_to_all_intra_efficiency =
      fields.number("all_to_all_intra_efficiency", kEfficiency, 1);
  profile.all_to_all_inter_efficiency =
      fields.number("all_to_all_inter_efficiency", kEfficiency, 1);
}

void write_time(JsonWriter& json, std::string_view key, Seconds time) {
  json.member(key, number_text(time.value() * 1e6) + " us");
}

void write_rate(JsonWriter& json, std::string_view key, BytesPerSec rate) {
  json.member(key, number_text(rate.value() * 1e-9) + " GB/s");
}

void write_protocols(JsonWriter& json, const NetworkProfile& profile) {
  json.key("protocols");
  json.begin_object();
  for (int i = 0; i < kNumProtocols; ++i) {
    const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(i)];
    json.key(name_of(static_cast<Protocol>(i)));
    json.begin_object(JsonWriter::Layout::kOneLine);
    write_time(json, "base", costs.base);
    write_time(json, "ring_hop_intra", costs.ring_hop_intra);
    write_time(json, "ring_hop_inter", costs.ring_hop_inter);
    write_time(json, "tree_hop_intra", costs.tree_hop_intra);
    write_time(json, "tree_hop_inter", costs.tree_hop_inter);
    json.member("ring_efficiency", costs.ring_efficiency);
    json.member("tree_efficiency", costs.tree_efficiency);
    json.end_object();
  }
  json.end_object();
}

void write_algorithms(JsonWriter& json, const NetworkProfile& profile) {
  json.member("ring_fill", profile.ring_fill);
  json.member("tree_fill", profile.tree_fill);
  json.member("tree_efficiency_one_node", profile.tree_efficiency_one_node);
  json.member("tree_efficiency_two_nodes", profile.tree_efficiency_two_nodes);
  json.member("tree_efficiency_many_nodes", profile.tree_efficiency_many_nodes);
  json.member("nvls_fill", profile.nvls_fill);
  json.member("nvls_efficiency", profile.nvls_efficiency);
  json.member("nvls_min_ranks", profile.nvls_min_ranks);
  write_time(json, "nvls_latency", profile.nvls_latency);
  write_time(json, "nvls_hop_inter", profile.nvls_hop_inter);
  json.member("nvls_inter_efficiency", profile.nvls_inter_efficiency);
  json.member("all_to_all_fill", profile.all_to_all_fill);
  write_time(json, "all_to_all_base", profile.all_to_all_base);
  write_time(json, "all_to_all_peer_intra", profile.all_to_all_peer_intra);
  write_time(json, "all_to_all_peer_inter", profile.all_to_all_peer_inter);
  json.member("all_to_all_intra_efficiency", profile.all_to_all_intra_efficiency);
  json.member("all_to_all_inter_efficiency", profile.all_to_all_inter_efficiency);
  write_time(json, "p2p_latency_intra", profile.p2p_latency_intra);
  write_time(json, "p2p_latency_inter", profile.p2p_latency_inter);
  json.member("p2p_efficiency", profile.p2p_efficiency);
  write_rate(json, "p2p_channel_rate", profile.p2p_channel_rate);
  write_time(json, "single_process_floor", profile.single_process_floor);
}

}  // namespace

void write_network_profile(JsonWriter& json, const NetworkProfile& profile,
                           const std::string& source) {
  STEPCAST_CHECK(profile.intra_efficiency > 0, "for_generation() was not called");
  json.begin_object();
  json.member("name", profile.name);
  json.member("source", source);
  json.member("grade", name_of(profile.grade));
  json.member("relative_sigma", profile.relative_sigma);
  json.member("intra_efficiency", profile.intra_efficiency);
  json.member("inter_efficiency", profile.inter_efficiency);
  json.member("intra_latency_factor", profile.intra_latency_factor);
  json.member("inter_latency_factor", profile.inter_latency_factor);
  write_time(json, "ring_step_overhead", profile.ring_step_overhead);
  json.member("scale_loss", profile.scale_loss);
  write_protocols(json, profile);
  write_rate(json, "ll_limit_two_nodes", profile.ll_limit_two_nodes);
  write_rate(json, "ll_limit_many_nodes", profile.ll_limit_many_nodes);
  write_algorithms(json, profile);
  json.end_object();
}

NetworkProfile read_network_profile(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  NetworkProfile profile;
  profile.name = fields.text("name");
  fields.text("source");  // for the reader of the file
  profile.grade = fields.grade("grade", Grade::kAssumed);
  profile.relative_sigma = fields.number("relative_sigma", {.min = 0, .max = 2}, 0.25);
  profile.intra_efficiency = fields.number("intra_efficiency", kOptionalEfficiency, 0);
  profile.inter_efficiency = fields.number("inter_efficiency", kEfficiency);
  profile.intra_latency_factor = fields.number("intra_latency_factor", kLatencyFactor, 1);
  profile.inter_latency_factor = fields.number("inter_latency_factor", kLatencyFactor, 1);
  profile.ring_step_overhead = fields.quantity("ring_step_overhead", Seconds(0), true);
  profile.scale_loss = fields.number("scale_loss", {.min = 0, .max = 0.09}, 0);
  read_protocols(fields, problems, profile);
  profile.ll_limit_two_nodes = fields.quantity("ll_limit_two_nodes", BytesPerSec(0), true);
  profile.ll_limit_many_nodes = fields.quantity("ll_limit_many_nodes", BytesPerSec(0), true);
  profile.ring_fill = fields.number("ring_fill", kFill, 0);
  read_tree(fields, profile);
  read_nvls(fields, profile);
  read_all_to_all(fields, profile);
  profile.p2p_latency_intra = latency(fields, "p2p_latency_intra");
  profile.p2p_latency_inter = latency(fields, "p2p_latency_inter");
  profile.p2p_efficiency = fields.number("p2p_efficiency", kEfficiency);
  profile.p2p_channel_rate = fields.quantity("p2p_channel_rate", BytesPerSec(0), true);
  profile.single_process_floor = fields.quantity("single_process_floor", Seconds(0), true);
  read_generations(fields, problems, profile);
  if (profile.intra_efficiency == 0 && profile.generations.empty())
    fields.reject("intra_efficiency",
                  "is missing: give it here, or by device generation in \"generations\"");
  fields.finish();
  return profile;
}

}  // namespace stepcast
