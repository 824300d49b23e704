// topologies/networks/*.json <-> NetworkProfile. Keys are spelled like the fields.
#include <string>
#include <utility>

#include "sim/base/json_writer.h"
#include "sim/base/quantity_text.h"
#include "sim/cost/network_fields.h"

namespace stepcast {
namespace {

constexpr NumberRange kFactor{.min = 0.1, .max = 10};  // of a correction

/// The field's value in `fields`, or `otherwise`.
double read_field(Fields& fields, const NetworkField& field, bool required, double otherwise) {
  if (field.field.index() == 0)
    return required ? fields.number(field.key, field.range)
                    : fields.number(field.key, field.range, otherwise);
  if (field.field.index() == 1)
    return required ? fields.quantity<Seconds>(field.key, true).value()
                    : fields.quantity(field.key, Seconds(otherwise), true).value();
  return required ? fields.quantity<BytesPerSec>(field.key, true).value()
                  : fields.quantity(field.key, BytesPerSec(otherwise), true).value();
}

ProtocolCosts read_protocol(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  ProtocolCosts costs;
  for (const ProtocolField& field : protocol_fields()) {
    if (const auto* time = std::get_if<1>(&field.field))
      costs.** time = fields.quantity<Seconds>(field.key, /*allow_zero=*/true);
    else
      costs.*std::get<0>(field.field) =
          fields.number(field.key, {.min = 0, .max = 2, .exclude_min = true}, 1);
  }
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
    InterconnectGeneration generation{.generation = name, .values = {}};
    for (const NetworkField& field : network_fields()) {
      const bool required = field.key == "intra_efficiency";
      if (!field.by_generation || (!required && !row.has(field.key))) continue;
      generation.values.emplace_back(field.key, read_field(row, field, required, 0));
    }
    row.finish();
    profile.generations.push_back(std::move(generation));
  }
}

/// Objects of a list; a problem where it is something else.
std::vector<JsonValue> read_list(Fields& fields, std::string_view key) {
  const auto list = fields.child(key);
  if (!list) return {};
  if (!list->is_array()) fields.reject(key, "= " + list->excerpt() + " must be a list [...]");
  return list->elements();
}

CollectiveCorrection read_correction(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  CollectiveCorrection correction;
  correction.op = fields.text("op");
  correction.ranks = fields.integer("ranks", {.min = 1, .max = 1 << 24});
  correction.nodes = fields.integer("nodes", {.min = 1, .max = 1 << 24});
  for (const JsonValue& element : read_list(fields, "factors")) {
    Fields point(element, problems);
    correction.sizes.push_back(
        point.integer("size_bytes", {.min = 1, .max = std::int64_t{1} << 50}));
    correction.factors.push_back(point.number("factor", kFactor));
    point.finish();
    const std::size_t n = correction.sizes.size();
    if (n > 1 && correction.sizes[n - 1] <= correction.sizes[n - 2])
      fields.reject("factors", "must be in ascending order of size_bytes");
  }
  if (correction.sizes.empty()) fields.reject("factors", "must hold at least one size");
  fields.finish();
  return correction;
}

void read_domain(Fields& fields, Problems& problems, NetworkProfile& profile) {
  const auto value = fields.child("domain");
  if (!value) return;
  Fields row(*value, problems);
  CollectiveDomain domain;
  for (const JsonValue& op : read_list(row, "ops"))
    if (const auto text = op.as_string()) domain.ops.push_back(*text);
  if (domain.ops.empty()) row.reject("ops", "must name at least one operation, as \"all_reduce\"");
  domain.min_size = row.integer("min_size_bytes", {.min = 1, .max = std::int64_t{1} << 50});
  domain.max_size = row.integer("max_size_bytes", {.min = 1, .max = std::int64_t{1} << 50});
  domain.max_ranks = row.integer("max_ranks", {.min = 1, .max = 1 << 24});
  domain.max_nodes = row.integer("max_nodes", {.min = 1, .max = 1 << 24});
  row.finish();
  profile.domain = std::move(domain);
}

void write_value(JsonWriter& json, const NetworkField& field, double value) {
  switch (field.field.index()) {
    case 0:
      return json.member(field.key, value);
    case 1:
      return json.member(field.key, number_text(value * 1e6) + " us");
    default:
      return json.member(field.key, number_text(value * 1e-9) + " GB/s");
  }
}

void write_protocols(JsonWriter& json, const NetworkProfile& profile) {
  json.key("protocols");
  json.begin_object();
  for (int i = 0; i < kNumProtocols; ++i) {
    const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(i)];
    json.key(name_of(static_cast<Protocol>(i)));
    json.begin_object(JsonWriter::Layout::kOneLine);
    for (const ProtocolField& field : protocol_fields()) {
      if (const auto* time = std::get_if<1>(&field.field))
        json.member(field.key, number_text((costs.**time).value() * 1e6) + " us");
      else
        json.member(field.key, costs.*std::get<0>(field.field));
    }
    json.end_object();
  }
  json.end_object();
}

void write_generations(JsonWriter& json, const NetworkProfile& profile) {
  json.key("generations");
  json.begin_object();
  for (const InterconnectGeneration& generation : profile.generations) {
    json.key(generation.generation);
    json.begin_object(JsonWriter::Layout::kOneLine);
    for (const NetworkField& field : network_fields())
      for (const auto& [key, value] : generation.values)
        if (key == field.key) write_value(json, field, value);
    json.end_object();
  }
  json.end_object();
}

void write_domain(JsonWriter& json, const CollectiveDomain& domain) {
  json.key("domain");
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.key("ops");
  json.begin_array(JsonWriter::Layout::kOneLine);
  for (const std::string& op : domain.ops) json.value(op);
  json.end_array();
  json.member("min_size_bytes", domain.min_size);
  json.member("max_size_bytes", domain.max_size);
  json.member("max_ranks", domain.max_ranks);
  json.member("max_nodes", domain.max_nodes);
  json.end_object();
}

void write_corrections(JsonWriter& json, const NetworkProfile& profile) {
  json.key("corrections");
  json.begin_array();
  for (const CollectiveCorrection& correction : profile.corrections) {
    json.begin_object();
    json.member("op", correction.op);
    json.member("ranks", correction.ranks);
    json.member("nodes", correction.nodes);
    json.key("factors");
    json.begin_array();
    for (std::size_t i = 0; i < correction.sizes.size(); ++i) {
      json.begin_object(JsonWriter::Layout::kOneLine);
      json.member("size_bytes", correction.sizes[i]);
      json.member("factor", correction.factors[i]);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
}

}  // namespace

void write_network_profile(JsonWriter& json, const NetworkProfile& profile,
                           const std::string& source) {
  const bool filled = profile.intra_efficiency > 0;
  STEPCAST_CHECK(filled || !profile.generations.empty(), "a profile without figures of any GPU");
  json.begin_object();
  json.member("name", profile.name);
  json.member("source", source);
  json.member("grade", name_of(profile.grade));
  if (profile.domain) write_domain(json, *profile.domain);
  for (const NetworkField& field : network_fields())
    if (filled || !field.by_generation) write_value(json, field, field.get(profile));
  if (profile.rendezvous_size.value() > 0)
    json.member("rendezvous_size", std::to_string(profile.rendezvous_size.value()) + " B");
  if (profile.ring_chunk.value() > 0)
    json.member("ring_chunk", std::to_string(profile.ring_chunk.value()) + " B");
  json.member("nvls_min_ranks", profile.nvls_min_ranks);
  write_protocols(json, profile);
  if (!filled) write_generations(json, profile);
  if (!profile.corrections.empty()) write_corrections(json, profile);
  if (!profile.points.empty()) {
    json.key("points");
    write_measured_transfers(json, profile.points);
  }
  json.end_object();
}

NetworkProfile read_network_profile(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  NetworkProfile profile;
  profile.name = fields.text("name");
  fields.text("source");  // for the reader of the file
  profile.grade = fields.grade("grade", Grade::kAssumed);
  read_domain(fields, problems, profile);
  for (const NetworkField& field : network_fields())
    field.set(profile, read_field(fields, field, field.required, field.get(profile)));
  profile.rendezvous_size = fields.quantity("rendezvous_size", Bytes(0), true);
  profile.ring_chunk = fields.quantity("ring_chunk", Bytes(0), true);
  profile.nvls_min_ranks = fields.integer("nvls_min_ranks", {.min = 2, .max = 1024}, 6);
  read_protocols(fields, problems, profile);
  if (const auto list = fields.child("points"))
    profile.points = read_measured_transfers(*list, problems);
  read_generations(fields, problems, profile);
  for (const JsonValue& correction : read_list(fields, "corrections"))
    profile.corrections.push_back(read_correction(correction, problems));
  if (profile.intra_efficiency == 0 && profile.generations.empty())
    fields.reject("intra_efficiency",
                  "is missing: give it here, or by device generation in \"generations\"");
  fields.finish();
  return profile;
}

}  // namespace stepcast
