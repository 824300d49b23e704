// StackFit -> text, for people and for scripts.
#include <map>

#include "sim/base/json_writer.h"
#include "sim/base/printed.h"
#include "sim/ledger/fit.h"
#include "sim/ledger/statistics_json.h"

namespace stepcast {
namespace {

std::string error_line(const char* what, std::size_t rows, const ErrorSummary& error) {
  return printed("%-10s %5zu rows: median %5.1f %%, mean %5.1f %%, 90th %5.1f %%, bias %+5.1f %%\n",
                 what, rows, 100 * error.median_abs, 100 * error.mean_abs, 100 * error.p90_abs,
                 100 * error.bias);
}

std::string parameter_lines(const StackFit& fit) {
  std::string text =
      printed("%-32s %12s %12s %8s  %s\n", "parameter", "before", "fitted", "+-", "decided by");
  for (const FittedParameter& p : fit.parameters)
    text +=
        printed("%-32s %12.5g %12.5g %6.1f %%  ", p.name.c_str(), p.prior, p.value, 100 * p.sigma) +
        std::string(name_of(p.determination())) + (p.at_bound ? ", at its bound" : "") + "\n";
  return text;
}

std::string group_lines(const StackFit& fit) {
  std::map<std::string, std::vector<double>> errors;
  for (const FittedRow& row : fit.rows)
    if (row.left_out_s) errors[row.group].push_back(*row.left_out_s / row.measured_s - 1);
  std::string text;
  for (const auto& [group, members] : errors)
    text +=
        "  without " + error_line(group.substr(0, 60).c_str(), members.size(), summarize(members));
  return text;
}

void member(JsonWriter& json, const char* key, const ErrorSummary& error) {
  json.key(key);
  write(json, error);
}

void write_parameters(JsonWriter& json, const StackFit& fit) {
  json.key("parameters");
  json.begin_array();
  for (const FittedParameter& p : fit.parameters) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", p.name);
    json.member("before", p.prior);
    json.member("value", p.value);
    json.member("relative_sigma", p.sigma);
    json.member("prior_relative_sigma", p.prior_sigma);
    json.member("decided_by", name_of(p.determination()));
    json.member("at_bound", p.at_bound);
    json.end_object();
  }
  json.end_array();
}

void write_rows(JsonWriter& json, const StackFit& fit) {
  json.key("results");
  json.begin_array();
  for (const FittedRow& row : fit.rows) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("id", row.id);
    json.member("group", row.group);
    json.member("measured_s", row.measured_s);
    json.member("before_s", row.before_s);
    json.member("fitted_s", row.fitted_s);
    if (row.left_out_s) json.member("left_out_s", *row.left_out_s);
    json.end_object();
  }
  json.end_array();
}

void write_skipped(JsonWriter& json, const StackFit& fit) {
  json.key("skipped");
  json.begin_array();
  for (const auto& [id, reason] : fit.skipped) write_skipped_row(json, id, reason);
  json.end_array();
}

bool has_left_out(const StackFit& fit) {
  return !fit.rows.empty() && fit.rows.front().left_out_s.has_value();
}

}  // namespace

std::string to_table(const StackFit& fit) {
  std::string text = parameter_lines(fit) + "\n";
  text += error_line("before", fit.rows.size(), fit.before);
  text += error_line("fitted", fit.rows.size(), fit.fitted);
  if (has_left_out(fit)) {
    text += error_line("left out", fit.rows.size(), fit.left_out);
    text += "each value of " + fit.leave_out + " predicted by a fit to the others:\n" +
            group_lines(fit);
  }
  text += printed("relative_sigma of the profile: %.3f\n", fit.stack.relative_sigma);
  for (const auto& [id, reason] : fit.skipped) text += "skipped " + id + ": " + reason + "\n";
  return text;
}

std::string to_json(const StackFit& fit) {
  JsonWriter json;
  json.begin_object();
  json.member("stack", fit.stack.name);
  json.member("rows", fit.rows.size());
  json.member("relative_sigma", fit.stack.relative_sigma);
  write_parameters(json, fit);
  member(json, "before", fit.before);
  member(json, "fitted", fit.fitted);
  if (has_left_out(fit)) {
    json.member("leave_out", fit.leave_out);
    member(json, "left_out", fit.left_out);
  }
  write_skipped(json, fit);
  write_rows(json, fit);
  json.end_object();
  return json.text();
}

}  // namespace stepcast
