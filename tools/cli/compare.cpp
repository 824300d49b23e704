#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>
#include <memory>

#include "sim/base/file_io.h"
#include "sim/base/json_writer.h"
#include "sim/base/printed.h"
#include "sim/base/quantity_text.h"
#include "sim/trace/compare_traces.h"
#include "tools/cli/commands.h"
#include "tools/cli/progress.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string a, b, timeline;
  bool json = false;
};

/// A relative to B, where B has any.
std::string error_text(const TracedPart& part) {
  if (part.b <= Seconds(0)) return "-";
  return printed("%+.1f %%", 100 * (part.a / part.b - 1));
}

std::string parts_table(const std::string& title, const std::vector<TracedPart>& parts) {
  if (parts.empty()) return {};
  std::string text =
      printed("\n%12s %12s %12s %10s  %s\n", "A", "B", "A - B", "A / B - 1", title.c_str());
  for (const TracedPart& part : parts)
    text += printed("%12s %12s %12s %10s  %s\n", to_text(part.a).c_str(), to_text(part.b).c_str(),
                    to_text(part.off()).c_str(), error_text(part).c_str(), part.name.c_str());
  return text;
}

std::string table(const Arguments& arguments, const TraceComparison& comparison) {
  std::string text = "A  " + arguments.a + "\nB  " + arguments.b + "\n";
  text += printed("the same %zu ops on %zu rank%s; times are means over them\n", comparison.ops,
                  comparison.ranks, comparison.ranks == 1 ? "" : "s");
  text += parts_table("", {{"step", comparison.step_a, comparison.step_b}});
  text += parts_table("kernels by phase", comparison.phases);
  text += parts_table("kernels by class", comparison.classes);
  text += parts_table("waiting for", comparison.exposed);
  text += parts_table("most of the difference", comparison.worst);
  return text;
}

void write_parts(JsonWriter& json, const char* name, const std::vector<TracedPart>& parts) {
  json.key(name);
  json.begin_array();
  for (const TracedPart& part : parts) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", part.name);
    json.member("a_s", part.a.value());
    json.member("b_s", part.b.value());
    json.end_object();
  }
  json.end_array();
}

std::string document(const Arguments& arguments, const TraceComparison& comparison) {
  JsonWriter json;
  json.begin_object();
  json.member("schema", "stepcast.compare/1");
  json.member("a", arguments.a);
  json.member("b", arguments.b);
  json.member("ranks", comparison.ranks);
  json.member("ops", comparison.ops);
  json.member("step_time_a_s", comparison.step_a.value());
  json.member("step_time_b_s", comparison.step_b.value());
  json.member("difference", comparison.step_a / comparison.step_b - 1);
  write_parts(json, "phases", comparison.phases);
  write_parts(json, "classes", comparison.classes);
  write_parts(json, "exposed", comparison.exposed);
  write_parts(json, "worst", comparison.worst);
  json.end_object();
  return json.text();
}

void write_timeline(const std::string& text, const std::string& file) {
  file.ends_with(".gz") ? write_gzip_file(file, text) : write_text_file_atomically(file, text);
  std::fprintf(stderr, "both timelines: %s (open it at https://ui.perfetto.dev)\n", file.c_str());
}

int compare_command(const Arguments& arguments) {
  Activity activity("reading " + arguments.a);
  const TraceFile a = read_trace_file(arguments.a);
  activity.now("reading " + arguments.b);
  const TraceFile b = read_trace_file(arguments.b);
  activity.now("comparing");
  const TraceComparison comparison = compare_traces(a, b);
  if (!arguments.timeline.empty()) write_timeline(side_by_side(a, b, "A", "B"), arguments.timeline);
  print(arguments.json ? document(arguments, comparison) : table(arguments, comparison));
  return 0;
}

}  // namespace

void add_compare(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("a", arguments->a, "a trace of predict --trace or live --trace")->required();
  app.add_option("b", arguments->b, "another one of the same scenario")->required();
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  app.add_option("--timeline", arguments->timeline,
                 "write both as one Chrome trace (.json or .json.gz), rank beside rank");
  run = [arguments] { return compare_command(*arguments); };
}

}  // namespace stepcast::cli
