#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>

#include "sim/scenario/scenario.h"
#include "tools/cli/commands.h"

namespace stepcast::cli {
namespace {

/// What a file is, told by a key that only such a file has.
struct FileKind {
  std::string_view telling_key;
  std::string_view name;
  void (*load)(const std::string& file, const Library& library);
};

constexpr std::array<FileKind, 7> kFileKinds = {{
    {"plan", "scenario",
     [](const std::string& file, const Library& library) { load_scenario(file, library); }},
    {"traits", "stack",
     [](const std::string& file, const Library& library) { load_stack(file, library); }},
    {"num_layers", "model",
     [](const std::string& file, const Library& library) { load_model(file, library); }},
    {"node", "topology",
     [](const std::string& file, const Library& library) { load_topology(file, library); }},
    {"memory_bandwidth", "device",
     [](const std::string& file, const Library&) {
       Problems problems;
       read_device(read_json_file(file).root(), problems);
       problems.raise_if_any();
     }},
    {"gemm", "device profile",
     [](const std::string& file, const Library& library) { load_device_profile(file, library); }},
    {"protocols", "network profile",
     [](const std::string& file, const Library& library) { load_network_profile(file, library); }},
}};

const FileKind& kind_of(const std::string& file) {
  const JsonDocument document = read_json_file(file);
  for (const FileKind& kind : kFileKinds)
    if (document.root().member(kind.telling_key)) return kind;
  std::string message = "is no file that stepcast knows; each kind has a key of its own:";
  for (const FileKind& kind : kFileKinds)
    message += (&kind == kFileKinds.begin() ? " a " : ", a ") + std::string(kind.name) + " \"" +
               std::string(kind.telling_key) + "\"";
  throw Error(ErrorKind::kInput, {{.file = file, .message = message}});
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
