#include "sim/ledger/statistics_json.h"

namespace stepcast {

void write(JsonWriter& json, const ErrorSummary& error) {
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("median_abs", error.median_abs);
  json.member("mean_abs", error.mean_abs);
  json.member("p90_abs", error.p90_abs);
  json.member("bias", error.bias);
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
