#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>
#include <string_view>

#include "sim/scenario/scenario.h"
#include "sim/scenario/shared_cluster.h"
#include "tools/cli/commands.h"

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

constexpr std::array<FileKind, 8> kFileKinds = {{
    {"scenario", {"plan", "training"}, check_part<load_scenario>},
    {"shared cluster", {"jobs", "jobs"}, check_part<load_shared_cluster>},
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

int check_command(const std::vector<std::string>& files) {
  const Library library = find_library();
  std::vector<Problem> problems;
  ErrorKind first_kind{};
  for (const std::string& file : files) {
    try {
      // A bare file name is a path here, not a shipped name.
      const std::string path = file.find('/') == std::string::npos ? "./" + file : file;
      const FileKind& kind = kind_of(path);
      kind.load(path, library);
      print(file + ": a sound " + std::string(kind.name) + "\n");
    } catch (const Error& error) {
      if (problems.empty()) first_kind = error.kind();
      problems.insert(problems.end(), error.problems().begin(), error.problems().end());
    }
  }
  if (!problems.empty()) throw Error(first_kind, problems);
  return 0;
}

}  // namespace

void add_check(CLI::App& app, std::function<int()>& run) {
  const auto files = std::make_shared<std::vector<std::string>>();
  app.add_option("files", *files, "scenarios, models, topologies, stacks, profiles")->required();
  run = [files] { return check_command(*files); };
}

}  // namespace stepcast::cli
