// What a calibration prints.
#include <cstdio>

#include "sim/base/json_writer.h"
#include "sim/ledger/collective_calibration.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

struct Line {
  std::string size;
  std::vector<double> before, fitted, corrected;
};

std::vector<Line> lines_of(const Calibration& calibration) {
  std::vector<Line> lines;
  for (const std::int64_t size : {1 << 20, 8 << 10, 1})
    lines.push_back({std::string(size_class(size)), {}, {}, {}});
  for (const CalibratedSample& fitted : calibration.samples)
    for (Line& line : lines) {
      if (line.size != size_class(fitted.sample->row.size)) continue;
      const double measured = fitted.sample->measured_s();
      line.before.push_back(fitted.before_s / measured - 1);
      line.fitted.push_back(fitted.fitted_s / measured - 1);
      line.corrected.push_back(fitted.corrected_s / measured - 1);
    }
  std::erase_if(lines, [](const Line& line) { return line.before.empty(); });
  return lines;
}

}  // namespace

std::string to_table(const Calibration& calibration) {
  std::string text = "medians of the absolute errors in per cent\n";
  char cells[160];
  std::snprintf(cells, sizeof cells, "%-15s %6s %9s %9s %9s\n", "size", "points", "shipped",
                "fitted", "corrected");
  text += cells;
  for (const Line& line : lines_of(calibration)) {
    std::snprintf(cells, sizeof cells, "%-15s %6zu %9.1f %9.1f %9.1f\n", line.size.c_str(),
                  line.before.size(), 100 * summarize(line.before).median_abs,
                  100 * summarize(line.fitted).median_abs,
                  100 * summarize(line.corrected).median_abs);
    text += cells;
  }
  std::snprintf(cells, sizeof cells, "\n%-32s %12s %12s %8s\n", "parameter", "shipped", "fitted",
                "+- %");
  text += cells;
  for (const CalibratedParameter& parameter : calibration.parameters) {
    std::snprintf(cells, sizeof cells, "%-32s %12.4g %12.4g %8.0f\n", parameter.name.c_str(),
                  parameter.before, parameter.value, 100 * parameter.sigma);
    text += cells;
  }
  return text;
}

std::string to_json(const Calibration& calibration) {
  JsonWriter json;
  json.begin_object();
  json.member("network_profile", calibration.profile.name);
  json.key("groups");
  json.begin_array();
  for (const Line& line : lines_of(calibration)) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("size", line.size);
    json.member("points", static_cast<std::int64_t>(line.before.size()));
    json.member("shipped_median_abs", summarize(line.before).median_abs);
    json.member("fitted_median_abs", summarize(line.fitted).median_abs);
    json.member("corrected_median_abs", summarize(line.corrected).median_abs);
    json.end_object();
  }
  json.end_array();
  json.key("parameters");
  json.begin_array();
  for (const CalibratedParameter& parameter : calibration.parameters) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", parameter.name);
    json.member("shipped", parameter.before);
    json.member("fitted", parameter.value);
    json.member("log_sigma", parameter.sigma);
    json.end_object();
  }
  json.end_array();
  json.key("results");
  json.begin_array();
  for (const CalibratedSample& sample : calibration.samples) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("id", sample.sample->id);
    json.member("size_bytes", sample.sample->row.size);
    json.member("measured_s", sample.sample->measured_s());
    json.member("shipped_s", sample.before_s);
    json.member("fitted_s", sample.fitted_s);
    json.member("corrected_s", sample.corrected_s);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

}  // namespace stepcast
