// stepcast: the command line. Data goes to standard output, talk to standard error; what a command
// throws becomes lines on standard error and an exit code (sim/base/error.h).
#include <fcntl.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/file_io.h"
#include "sim/base/nearest_name.h"
#include "tools/cli/commands.h"
#include "tools/cli/failure.h"

namespace stepcast::cli {
namespace {

/// CLI11 breaks some messages into lines.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

struct Command {
  const char* name;
  AddCommand add;
  const char* description;
};

constexpr Command kCommands[] = {
    {"predict", add_predict, "step time, memory, money and energy of a scenario, and why"},
    {"jobs", add_jobs, "several scenarios on one cluster: what each loses by the others"},
    {"memory", add_memory, "memory of every pipeline stage, and what makes its peak"},
    {"program", add_program, "the program that one rank runs"},
    {"check", add_check, "read a scenario, model, topology or stack and report every mistake"},
    {"list", add_list, "what can be named: models, topologies, stacks, kernels, schedules"},
    {"collective", add_collective, "times and bandwidths of a collective by size, as nccl-tests"},
    {"topology", add_topology, "what a cluster is made of, its bisection, cost, and a route"},
    {"import", add_import, "a topology from NCCL's XML or nvidia-smi topo -m of one node"},
    {"export", add_export,
     "a topology as a platform of SimGrid's, or a training step for other programs"},
    {"validate", add_validate, "predict the rows of a table of measurements and print the errors"},
    {"profile", add_profile, "time kernels on this machine and write a device profile"},
    {"fit", add_fit, "calibrate a stack and a network from measured step times"},
    {"calibrate-network", add_calibrate_network, "network profiles from timed collectives"},
    {"live", add_live,
     "train a scenario for real, on cores or GPUs, of this machine or under mpirun"},
    {"compare", add_compare, "two traces of one scenario, op by op: predicted and measured, say"},
};

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 2 usage, 3 bad input file, 4 infeasible plan, 5 I/O, 6 unsupported, 7 a "
    "live rank failed, 70 our bug.";

/// The reader of standard output went away, as `head` does when it has seen enough: exit code 5,
/// and nothing to say, since nobody asks for the rest.
class ReaderGone : public Error {
 public:
  ReaderGone() : Error(ErrorKind::kIo, "") {}
};

/// What the parser says of the arguments, or that the first of them is no command.
std::string usage_text(const CLI::ParseError& error, int argc, char** argv) {
  std::vector<std::string> names;
  for (const Command& command : kCommands) names.emplace_back(command.name);
  const std::string first = argc > 1 ? argv[1] : "";
  const bool named =
      first.empty() || first.front() == '-' || std::ranges::find(names, first) != names.end();
  return named ? one_line(error.what()) : unknown_name("command", first, names);
}

int run(int argc, char** argv) {
  CLI::App app(
      "stepcast predicts what one training step of a model takes on a cluster under a parallel "
      "plan.",
      "stepcast");
  app.require_subcommand(1);
  app.set_version_flag("--version", "stepcast " STEPCAST_VERSION);
  app.footer(kExitCodes);
  std::function<int()> action;
  for (const Command& command : kCommands) {
    CLI::App* subcommand = app.add_subcommand(command.name, command.description);
    const auto run_command = std::make_shared<std::function<int()>>();
    command.add(*subcommand, *run_command);
    subcommand->callback([&action, run_command] { action = *run_command; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    print(app.help());
    return 0;
  } catch (const CLI::CallForVersion& version) {
    print(std::string(version.what()) + "\n");
    return 0;
  } catch (const CLI::ParseError& error) {
    const Failure failure{
        .text = "stepcast: " + usage_text(error, argc, argv) + " (see stepcast --help)",
        .kind = ErrorKind::kUsage};
    const std::vector<std::string_view> words(argv + 1, argv + argc);
    if (!words.empty() && words.front() == "live")
      return refuse_live(failure, std::ranges::find(words, "--local") != words.end());
    return say(failure);
  }
  return action();
}

/// Opens what is closed of standard input, output and error, so that no file of ours gets their
/// numbers. Output that nobody reads fails when it is written: the descriptor is read-only.
void reserve_standard_descriptors() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number)
    if (::fcntl(number, F_GETFD) < 0) [[maybe_unused]]
      const int opened = ::open("/dev/null", O_RDONLY);
}

}  // namespace

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0)
    return;
  if (errno == EPIPE) throw ReaderGone();
  throw Error(ErrorKind::kIo, std::string("standard output: ") + std::strerror(errno));
}

void write_output(const std::string& file, const std::string& text) {
  file == "-" ? print(text) : write_text_file_atomically(file, text);
}

}  // namespace stepcast::cli

int main(int argc, char** argv) {
  using namespace stepcast;
  cli::reserve_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is a failed write, exit code 5
  try {
    return cli::run(argc, argv);
  } catch (...) {
    return cli::say(cli::failure_of(std::current_exception()));
  }
}
