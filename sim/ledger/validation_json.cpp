#include "sim/base/json_writer.h"
#include "sim/ledger/statistics_json.h"
#include "sim/ledger/validation_text.h"

namespace stepcast {
namespace {

void write(JsonWriter& json, const MemorySummary& memory) {
  const auto figure = [&](std::string_view key, double value) {
    member_or_null(json, key, memory.rows > 0 ? std::optional(value) : std::nullopt);
  };
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("rows", memory.rows);
  figure("median_abs", memory.median_abs);
  figure("bias", memory.bias);
  json.end_object();
}

void write_ranking(JsonWriter& json, const RankingSummary& ranking) {
  const auto figure = [&](std::string_view key, double value) {
    member_or_null(json, key, ranking.groups > 0 ? std::optional(value) : std::nullopt);
  };
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("groups", ranking.groups);
  figure("kendall_tau", ranking.kendall_tau);
  figure("regret", ranking.regret);
  json.end_object();
}

void write_skipped(JsonWriter& json, const Validation& v) {
  json.begin_array();
  for (const RowAnswer& row : v.answers)
    if (!row.skipped.empty()) write_skipped_row(json, row.id, row.skipped);
  json.end_array();
}

void write_groups(JsonWriter& json, const Validation& v) {
  json.begin_array();
  for (const GroupSummary& group : v.groups) {
    json.begin_object();
    json.member("by", group.by);
    json.member("name", group.name);
    json.member("rows", group.rows);
    json.key("error");
    write(json, group.error);
    json.key("memory");
    write(json, group.memory);
    json.end_object();
  }
  json.end_array();
}

void write_row(JsonWriter& json, const RowAnswer& row) {
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("id", row.id);
  member_or_null(json, "measured_s", row.measured_s);
  member_or_null(json, "predicted_s", row.predicted_s);
  member_or_null(json, "error", row.error());
  member_or_null(json, "peak_memory_gb", row.peak_memory_gb);
  json.member("grade", name_of(row.grade));
  json.member("relative_sigma", row.relative_sigma);
  if (!row.fit.empty()) json.member("fit", row.fit);
  if (row.memory) json.member("memory_error", row.memory->error());
  if (!row.assumptions.empty()) {
    json.key("assumptions");
    json.begin_array();
    for (const std::string& assumption : row.assumptions) json.value(assumption);
    json.end_array();
  }
  json.end_object();
}

}  // namespace

std::string to_json(const Validation& v) {
  JsonWriter json;
  json.begin_object();
  json.member("kind", v.kind);
  json.member("rows", v.answers.size());
  json.member("predicted", v.predicted);
  json.member("coverage", v.coverage);
  json.key("skipped");
  write_skipped(json, v);
  json.key("error");
  write(json, v.error);
  json.key("ranking");
  write_ranking(json, v.ranking);
  json.key("oom");
  write(json, v.oom);
  json.key("memory");
  write(json, v.memory);
  json.key("reserved_memory");
  write(json, v.reserved_memory);
  member_or_null(json, "interval_coverage",
                 v.error.rows > 0 ? std::optional(v.interval_coverage) : std::nullopt);
  json.key("groups");
  write_groups(json, v);
  json.key("results");
  json.begin_array();
  for (const RowAnswer& row : v.answers)
    if (row.skipped.empty()) write_row(json, row);
  json.end_array();
  json.end_object();
  return json.text();
}

}  // namespace stepcast
