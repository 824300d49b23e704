#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "sim/base/json_writer.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"
#include "tools/cli/memory_fit.h"

namespace stepcast::cli {
namespace {

/// What a file is, told by keys that no other kind has.
struct FileKind {
  std::string_view name;
  std::array<std::string_view, 2> telling_keys;
  void (*load)(const std::string& file, const Library& library);
};

void check_device(const std::string& file, const Library&) {
  Problems problems;
  read_device(read_json_file(file).root(), problems);
  problems.raise_if_any();
}

/// The result is not needed: that it loads is what was asked.
template <auto load>
void check_part(const std::string& file, const Library& library) {
  load(file, library);
}

void require_room(const Scenario& scenario) {
  require_fit(scenario, predict_memory(scenario, build_programs(scenario)));
}

/// Plans that do not fit in memory are mistakes, too.
void check_scenario(const std::string& file, const Library& library) {
  require_room(load_scenario(file, library));
}

void check_shared_cluster(const std::string& file, const Library& library) {
  for (const ClusterJob& job : load_shared_cluster(file, library).jobs) require_room(job.scenario);
}

constexpr std::array<FileKind, 8> kFileKinds = {{
    {"scenario", {"plan", "training"}, check_scenario},
    {"shared cluster", {"jobs", "jobs"}, check_shared_cluster},
    {"stack", {"traits", "costs"}, check_part<load_stack>},
    {"model", {"num_layers", "hidden_size"}, check_part<load_model>},
    {"topology", {"node", "num_nodes"}, check_part<load_topology>},
    {"device", {"memory_bandwidth", "num_sms"}, check_device},
    {"device profile", {"gemm", "condition"}, check_part<load_device_profile>},
    {"network profile", {"protocols", "inter_efficiency"}, check_part<load_network_profile>},
}};

const FileKind& kind_of(const std::string& file) {
  const JsonDocument document = read_json_file(file);
  for (const FileKind& kind : kFileKinds)
    for (const std::string_view key : kind.telling_keys)
      if (document.root().member(key)) return kind;
  std::string known;
  for (const FileKind& kind : kFileKinds)
    known += (known.empty() ? "a " : ", a ") + std::string(kind.name) + " (\"" +
             std::string(kind.telling_keys[0]) + "\")";
  throw Error(ErrorKind::kInput,
              {{.file = file, .message = "has no key that tells what it is; known: " + known}});
}

struct Checked {
  std::string file;
  std::string_view kind;  ///< empty: it can't be told
  std::optional<Error> mistakes;
};

Checked check(const std::string& file, const Library& library) {
  Checked checked{.file = file, .kind = {}, .mistakes = {}};
  try {
    // A bare file name is a path here, not a shipped name.
    const std::string path = file.find('/') == std::string::npos ? "./" + file : file;
    const FileKind& kind = kind_of(path);
    checked.kind = kind.name;
    kind.load(path, library);
  } catch (const Error& error) {
    checked.mistakes = error;
  }
  return checked;
}

std::string to_text(const Checked& checked) {
  return checked.mistakes ? "" : checked.file + ": a sound " + std::string(checked.kind) + "\n";
}

void write(JsonWriter& json, const Problem& problem) {
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("file", problem.file);
  json.member("line", problem.line);
  json.member("column", problem.column);
  json.member("path", problem.path);
  json.member("message", problem.message);
  json.end_object();
}

std::string to_json(const std::vector<Checked>& files) {
  JsonWriter json;
  json.begin_object();
  json.key("files");
  json.begin_array();
  for (const Checked& checked : files) {
    json.begin_object();
    json.member("file", checked.file);
    json.key("kind");
    checked.kind.empty() ? json.null() : json.value(checked.kind);
    json.member("sound", !checked.mistakes.has_value());
    json.key("problems");
    json.begin_array();
    if (checked.mistakes)
      for (const Problem& problem : checked.mistakes->problems()) write(json, problem);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

/// The exit code is that of the first file with a mistake.
int check_command(const std::vector<std::string>& files, bool as_json) {
  const Library library = find_library();
  std::vector<Checked> checked;
  std::vector<Problem> problems;
  std::optional<ErrorKind> first_kind;
  for (const std::string& file : files) {
    checked.push_back(check(file, library));
    if (!as_json) print(to_text(checked.back()));
    if (!checked.back().mistakes) continue;
    const Error& error = *checked.back().mistakes;
    if (!first_kind) first_kind = error.kind();
    problems.insert(problems.end(), error.problems().begin(), error.problems().end());
  }
  if (as_json) print(to_json(checked));
  if (!first_kind) return 0;
  if (as_json) return static_cast<int>(*first_kind);
  throw Error(*first_kind, problems);
}

}  // namespace

void add_check(CLI::App& app, std::function<int()>& run) {
  const auto files = std::make_shared<std::vector<std::string>>();
  const auto json = std::make_shared<bool>(false);
  app.add_option("files", *files, "scenarios, models, topologies, devices, stacks, profiles")
      ->required();
  app.add_flag("--json", *json, "one JSON document: files and their problems");
  run = [files, json] { return check_command(*files, *json); };
}

}  // namespace stepcast::cli
