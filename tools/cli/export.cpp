// stepcast export: a topology for other tools.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>

#include "sim/exchange/platform_xml.h"
#include "sim/scenario/scenario.h"
#include "tools/cli/commands.h"
#include "tools/cli/gpus_option.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string format;
  std::string topology;
  std::string output;
  std::int64_t gpus = 0;  // 0: all
};

int export_command(const Arguments& arguments) {
  if (arguments.format != "simgrid-platform")
    throw Error(ErrorKind::kUsage,
                "export " + arguments.format + ": unknown format; known: simgrid-platform");
  const Topology topology = load_topology(arguments.topology, find_library());
  const std::string text = platform_xml(topology, gpus_of_option(arguments.gpus, topology));
  write_output(arguments.output, text);
  return 0;
}

}  // namespace

void add_export(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("format", arguments->format, "simgrid-platform (XML of version 4.1)")->required();
  app.add_option("topology", arguments->topology, "a shipped name or a file")->required();
  app.add_option("-o,--output", arguments->output, "the file to write; - is standard output")
      ->required();
  app.add_option("--gpus", arguments->gpus, "only the first so many (all)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
  run = [arguments] { return export_command(*arguments); };
}

}  // namespace stepcast::cli
