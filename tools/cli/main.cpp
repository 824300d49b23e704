// stepcast: the command line. Data goes to standard output, talk to standard error; what a command
// throws becomes lines on standard error and an exit code (sim/base/error.h).
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "sim/base/error.h"
#include "tools/cli/commands.h"

namespace stepcast::cli {
namespace {

struct Command {
  const char* name;
  AddCommand add;
  const char* description;
};

constexpr std::array<Command, 7> kCommands = {{
    {"predict", add_predict, "step time, memory, money and energy of a scenario, and why"},
    {"memory", add_memory, "memory of every pipeline stage, and what makes its peak"},
    {"program", add_program, "the program that one rank runs"},
    {"check", add_check, "read a scenario, model, topology or stack and report every mistake"},
    {"list", add_list, "what can be named: models, topologies, stacks, kernels, schedules"},
    {"validate", add_validate, "predict the rows of a table of measurements and print the errors"},
    {"fit", add_fit, "calibrate a stack and a network from measured step times"},
}};

int run(int argc, char** argv) {
  CLI::App app(
      "stepcast predicts what one training step of a model takes on a cluster under a parallel "
      "plan.",
      "stepcast");
  app.require_subcommand(1);
  app.set_version_flag("--version", "stepcast " STEPCAST_VERSION);
  app.footer(
      "Exit codes: 0 done, 2 usage, 3 bad input file, 4 infeasible plan, 5 I/O, 6 unsupported, 70 "
      "our bug.");
  std::array<std::function<int()>, kCommands.size()> actions;
  std::array<CLI::App*, kCommands.size()> commands{};
  for (std::size_t i = 0; i < kCommands.size(); ++i) {
    commands[i] = app.add_subcommand(kCommands[i].name, kCommands[i].description);
    kCommands[i].add(*commands[i], actions[i]);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "stepcast: %s (see stepcast --help)\n", error.what());
    return static_cast<int>(ErrorKind::kUsage);
  }
  for (std::size_t i = 0; i < kCommands.size(); ++i)
    if (commands[i]->parsed()) return actions[i]();
  return static_cast<int>(ErrorKind::kUsage);
}

}  // namespace

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw Error(ErrorKind::kIo, std::string("standard output: ") + std::strerror(errno));
}

}  // namespace stepcast::cli

int main(int argc, char** argv) {
  using namespace stepcast;
  try {
    return cli::run(argc, argv);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.kind());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stepcast: internal error, please report it with the input: %s\n",
                 error.what());
    return static_cast<int>(ErrorKind::kInternal);
  }
}
