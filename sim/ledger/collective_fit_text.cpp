#include "sim/ledger/collective_fit_text.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <set>

#include "sim/base/json_writer.h"
#include "sim/ledger/collective_rows.h"

namespace stepcast {
namespace {

/// Errors of some samples, by the fit to all and by those that left their systems out.
struct Line {
  std::string by, name, size;
  std::size_t samples = 0;
  ErrorSummary fitted;
  std::optional<ErrorSummary> left_out;
};

Line line_of(const SharedFit& fit, std::string by, std::string name, std::string_view size,
             const std::function<bool(const FittedSample&)>& takes) {
  std::vector<double> fitted, left_out;
  for (const FittedSample& sample : fit.samples) {
    if (size_class(sample.size) != size || !takes(sample)) continue;
    fitted.push_back(sample.fitted_s / sample.measured_s - 1);
    if (sample.left_out_s) left_out.push_back(*sample.left_out_s / sample.measured_s - 1);
  }
  Line line{.by = std::move(by),
            .name = std::move(name),
            .size = std::string(size),
            .samples = fitted.size(),
            .fitted = {},
            .left_out = {}};
  if (!fitted.empty()) line.fitted = summarize(fitted);
  if (!left_out.empty()) line.left_out = summarize(left_out);
  return line;
}

std::vector<Line> lines_of(const SharedFit& fit) {
  const std::vector<std::string_view> sizes{size_class(1 << 20), size_class(8 << 10),
                                            size_class(1)};
  std::vector<Line> lines;
  const auto add = [&](const std::string& by, const std::string& name,
                       const std::function<bool(const FittedSample&)>& takes) {
    for (const std::string_view size : sizes)
      if (Line line = line_of(fit, by, name, size, takes); line.samples > 0)
        lines.push_back(std::move(line));
  };
  add("all", "all but broadcast and reduce", [](const auto& s) { return is_fitted(s.op); });
  for (const BenchOpInfo& op : bench_ops())
    add("op", std::string(op.name), [&](const FittedSample& s) { return s.op == op.op; });
  std::set<std::string> systems;
  for (const FittedSample& sample : fit.samples) systems.insert(sample.system);
  for (const std::string& system : systems)
    add("system", system,
        [&](const FittedSample& s) { return is_fitted(s.op) && s.system == system; });
  return lines;
}

void append(std::string& text, const ErrorSummary& errors) {
  char cells[80];
  std::snprintf(cells, sizeof cells, " %7.1f %7.1f %7.1f %+7.1f", 100 * errors.median_abs,
                100 * errors.mean_abs, 100 * errors.p90_abs, 100 * errors.bias);
  text += cells;
}

void member(JsonWriter& json, std::string_view key, const ErrorSummary& errors) {
  json.key(key);
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("median_abs", errors.median_abs);
  json.member("mean_abs", errors.mean_abs);
  json.member("p90_abs", errors.p90_abs);
  json.member("bias", errors.bias);
  json.end_object();
}

}  // namespace

std::string to_table(const SharedFit& fit) {
  std::string text =
      "errors in per cent: median, mean and 90th percentile of the absolute ones, median of the "
      "signed ones\n";
  char cells[160];
  std::snprintf(cells, sizeof cells, "%-30s %-15s %7s %31s %31s\n", "", "size", "rows",
                "in the fit", "system left out");
  text += cells;
  for (const Line& line : lines_of(fit)) {
    std::snprintf(cells, sizeof cells, "%-30s %-15s %7zu", line.name.c_str(), line.size.c_str(),
                  line.samples);
    text += cells;
    append(text, line.fitted);
    if (line.left_out) append(text, *line.left_out);
    text += "\n";
  }
  std::snprintf(cells, sizeof cells, "\n%-42s %12s %12s %8s\n", "parameter", "prior", "value",
                "+- %");
  text += cells;
  for (std::size_t i = 0; i < fit.parameters.size(); ++i) {
    std::snprintf(cells, sizeof cells, "%-42s %12.4g %12.4g %8.0f\n", fit.parameters[i].c_str(),
                  fit.priors[i], fit.values[i], 100 * fit.sigmas[i]);
    text += cells;
  }
  return text;
}

std::string to_json(const SharedFit& fit) {
  JsonWriter json;
  json.begin_object();
  json.key("groups");
  json.begin_array();
  for (const Line& line : lines_of(fit)) {
    json.begin_object();
    json.member("by", line.by);
    json.member("name", line.name);
    json.member("size", line.size);
    json.member("rows", static_cast<std::int64_t>(line.samples));
    member(json, "fitted", line.fitted);
    if (line.left_out) member(json, "left_out", *line.left_out);
    json.end_object();
  }
  json.end_array();
  json.key("parameters");
  json.begin_array();
  for (std::size_t i = 0; i < fit.parameters.size(); ++i) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", fit.parameters[i]);
    json.member("prior", fit.priors[i]);
    json.member("value", fit.values[i]);
    json.member("log_sigma", fit.sigmas[i]);
    json.end_object();
  }
  json.end_array();
  json.key("results");
  json.begin_array();
  for (const FittedSample& sample : fit.samples) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("id", sample.id);
    json.member("measured_s", sample.measured_s);
    json.member("fitted_s", sample.fitted_s);
    if (sample.left_out_s) json.member("left_out_s", *sample.left_out_s);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

}  // namespace stepcast
