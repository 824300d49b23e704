#include "sim/ledger/statistics_json.h"

namespace stepcast {

void member_or_null(JsonWriter& json, std::string_view key, const std::optional<double>& value) {
  json.key(key);
  value ? json.value(*value) : json.null();
}

void write(JsonWriter& json, const ErrorSummary& error) {
  const auto figure = [&](std::string_view key, double value) {
    member_or_null(json, key, error.rows > 0 ? std::optional(value) : std::nullopt);
  };
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("rows", error.rows);
  figure("median_abs", error.median_abs);
  figure("mean_abs", error.mean_abs);
  figure("p90_abs", error.p90_abs);
  figure("bias", error.bias);
  json.end_object();
}

void write(JsonWriter& json, const OomCounts& oom) {
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("true_fit", oom.true_fit);
  json.member("true_oom", oom.true_oom);
  json.member("false_fit", oom.false_fit);
  json.member("false_oom", oom.false_oom);
  json.member("accuracy", oom.accuracy());
  json.end_object();
}

void write_skipped_row(JsonWriter& json, const std::string& id, const std::string& reason) {
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("id", id);
  json.member("reason", reason);
  json.end_object();
}

}  // namespace stepcast
