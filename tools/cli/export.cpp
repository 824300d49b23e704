// stepcast export: a topology or a training step for other tools.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>

#include "sim/exchange/platform_xml.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/training_step.h"
#include "tools/cli/commands.h"
#include "tools/cli/gpus_option.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string format;
  std::string name;
  std::string output;
  std::int64_t gpus = 0;  // 0: all
};

std::string platform(const Arguments& arguments) {
  const Topology topology = load_topology(arguments.name, find_library());
  return platform_xml(topology, gpus_of_option(arguments.gpus, topology));
}

std::string training_step(const Arguments& arguments) {
  if (arguments.gpus != 0)
    throw Error(ErrorKind::kUsage,
                "--gpus is of simgrid-platform; a scenario says how many GPUs it takes");
  return training_step_json(load_scenario(arguments.name, find_library()));
}

int export_command(const Arguments& arguments) {
  if (arguments.format == "simgrid-platform")
    write_output(arguments.output, platform(arguments));
  else if (arguments.format == "training-step")
    write_output(arguments.output, training_step(arguments));
  else
    throw Error(ErrorKind::kUsage, "export " + arguments.format +
                                       ": unknown format; known: simgrid-platform, training-step");
  return 0;
}

}  // namespace

void add_export(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("format", arguments->format,
                 "simgrid-platform (of a topology, XML of version 4.1) or training-step (of a "
                 "scenario, JSON with every default filled in)")
      ->required();
  app.add_option("name", arguments->name, "the topology or the scenario: a shipped name or a file")
      ->required();
  app.add_option("-o,--output", arguments->output, "the file to write; - is standard output")
      ->required();
  app.add_option("--gpus", arguments->gpus, "simgrid-platform: only the first so many (all)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
  run = [arguments] { return export_command(*arguments); };
}

}  // namespace stepcast::cli
