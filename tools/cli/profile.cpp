// stepcast profile: times kernels on this machine, or carries a profile over to another device.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>

#include "kernels/live/cpu_launchers.h"
#include "kernels/profiler/anchored_transfer.h"
#include "kernels/profiler/cpu_bench.h"
#include "kernels/profiler/machine.h"
#include "kernels/profiler/profile_fit.h"
#include "kernels/profiler/profile_text.h"
#include "kernels/profiler/sweep.h"
#include "sim/base/file_io.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"
#include "tools/cli/named_by.h"
#include "tools/cli/progress.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string scenario;
  std::string output;
  std::string transfer_from, transfer_to, anchors;
  std::string anchors_condition = "sustained";
  int rounds = 8;
  double budget = 60;
  double points_within = 0.15;
  bool again = false;
  bool json = false;
};

std::atomic<bool> g_stop = false;

/// Ctrl-C ends the run after the kernel at hand; what was timed until then is kept.
class StopOnCtrlC {
 public:
  StopOnCtrlC() : before_(std::signal(SIGINT, [](int) { g_stop = true; })) {}
  ~StopOnCtrlC() { std::signal(SIGINT, before_); }
  StopOnCtrlC(const StopOnCtrlC&) = delete;

 private:
  void (*before_)(int);
};

std::string profile_name(const Arguments& arguments) {
  return std::filesystem::path(arguments.output).stem().string();
}

void write_profile(const Arguments& arguments, const DeviceProfile& profile,
                   const std::string& source) {
  JsonWriter json;
  write_device_profile(json, profile, source);
  write_text_file_atomically(arguments.output, json.text());
  std::fprintf(stderr, "device profile, a scenario's \"device_profile\": %s\n",
               arguments.output.c_str());
}

/// The profile that an earlier run left in the output file; null when there is none.
std::unique_ptr<DeviceProfile> earlier_profile(const Arguments& arguments, const Device& device) {
  if (arguments.again || arguments.output.empty() || !std::filesystem::exists(arguments.output))
    return nullptr;
  Problems problems;
  auto profile = std::make_unique<DeviceProfile>(
      read_device_profile(read_json_file(arguments.output).root(), problems));
  problems.raise_if_any();
  const std::string machine = machine_name();
  for (const auto& [key, text] : profile->provenance)
    if (key == "machine" && text != machine)
      throw Error(ErrorKind::kInput, arguments.output + ": was measured on \"" + text +
                                         "\", this is \"" + machine +
                                         "\"; name another file, or measure anew with --again");
  if (profile->device != device.name)
    throw Error(ErrorKind::kInput, arguments.output + ": is a profile of " + profile->device +
                                       ", not of " + device.name +
                                       "; name another file, or measure anew with --again");
  return profile;
}

/// What is to be timed, and on which device.
struct Task {
  Device device;
  std::vector<BenchCase> cases;
};

Task task_of(const Arguments& arguments, const Library& library) {
  if (arguments.scenario.empty()) {
    Task task{.device = load_device("CPU-core", library), .cases = {}};
    for (const Kernel& kernel : grid(quick_cpu_grid())) task.cases.push_back(default_case(kernel));
    return task;
  }
  const Scenario scenario = load_scenario(arguments.scenario, library);
  const Device& device = scenario.topology.device;
  if (device.generation != "cpu")
    throw Error(ErrorKind::kUnsupported,
                scenario.file + ": runs on " + device.name +
                    ", which can't be profiled here: this build of stepcast profiles CPU cores. "
                    "Choose a scenario on CPU ranks (scenarios/live-*.json), or carry a profile "
                    "over with --transfer-from");
  return {.device = device, .cases = cases_of(build_programs(scenario))};
}

TimingOptions timing_options(const Arguments& arguments, Progress& progress) {
  return {.rounds = arguments.rounds,
          .budget = arguments.budget,
          .stop = &g_stop,
          .progress = [&](std::size_t done, std::size_t of) { progress.update(done, of); }};
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm day{};
  gmtime_r(&now, &day);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &day);
  return text;
}

int measure(const Arguments& arguments) {
  const Library library = find_library();
  const Task task = task_of(arguments, library);
  const std::unique_ptr<DeviceProfile> earlier = earlier_profile(arguments, task.device);
  prepare_cpu();
  CpuBench bench(cpu_launchers(), task.cases);
  std::vector<Kernel> kernels;
  for (const BenchCase& one : task.cases) kernels.push_back(one.kernel);
  ProfileRun run;
  {
    const SystemClock clock;
    CoreStopwatch stopwatch(clock);
    const StopOnCtrlC guard;
    Progress progress("kernels");
    run =
        run_profile(bench, kernels, earlier.get(), timing_options(arguments, progress), stopwatch);
  }
  require_usable(run);
  FittedProfile fitted = fit_profile(task.device, run.timed, arguments.points_within, "stepcast");
  fitted.profile.name = arguments.output.empty() ? "profile" : profile_name(arguments);
  fitted.profile.condition = "sustained";
  fitted.profile.provenance = machine_facts();
  fitted.profile.provenance.emplace_back("date", today());
  print(arguments.json ? profile_json(task.device, run, fitted)
                       : profile_table(task.device, run, fitted));
  if (!arguments.output.empty())
    write_profile(arguments, fitted.profile, "stepcast profile on " + machine_name());
  return 0;
}

std::vector<MeasuredKernel> read_anchors(const std::string& file) {
  if (file.empty()) return {};
  Problems problems;
  const JsonDocument document = named_by("--anchors", [&] { return read_json_file(file); });
  const MeasuredKernels anchors = read_measured_kernels(document.root(), problems);
  problems.raise_if_any();
  return anchors.all();
}

int transfer(const Arguments& arguments) {
  const Library library = find_library();
  const DeviceProfile source = named_by(
      "--transfer-from", [&] { return load_device_profile(arguments.transfer_from, library); });
  const Device from = load_device(source.device, library);
  const Device to = named_by("--to", [&] { return load_device(arguments.transfer_to, library); });
  const Condition condition =
      arguments.anchors_condition == "burst" ? Condition::kShortBenchmark : Condition::kTraining;
  DeviceProfile profile =
      transfer_anchored(source, from, to, read_anchors(arguments.anchors), condition);
  profile.name = profile_name(arguments);
  write_profile(arguments, profile, "transferred from " + source.name + " (" + from.name + ")");
  return 0;
}

int profile_command(const Arguments& arguments) {
  return arguments.transfer_from.empty() ? measure(arguments) : transfer(arguments);
}

}  // namespace

void add_profile(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::Option* output = app.add_option("-o,--output", arguments->output,
                                       "device profile to write; one that is there is completed");
  CLI::Option* from = app.add_option("--transfer-from", arguments->transfer_from,
                                     "carry this profile over to another device, unmeasured");
  CLI::Option* to = app.add_option("--to", arguments->transfer_to, "the device of the transfer");
  from->needs(to, output);
  to->needs(from);
  CLI::Option* anchors =
      app.add_option("--anchors", arguments->anchors,
                     "kernels timed on the target: a JSON list as a profile's points")
          ->needs(from);
  app.add_option("--anchors-condition", arguments->anchors_condition,
                 "how they were timed: sustained, as in training, or burst, in short runs")
      ->check(CLI::IsMember({"sustained", "burst"}))
      ->capture_default_str()
      ->needs(anchors);
  // What is said of a measurement would be ignored in a transfer.
  app.add_option("--for", arguments->scenario,
                 "time just the kernels of this scenario (else a grid of shapes)")
      ->excludes(from);
  app.add_flag("--again", arguments->again, "measure anew what the output file has already")
      ->excludes(from);
  app.add_option("--rounds", arguments->rounds, "samples of each kernel are spread over so many")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str()
      ->excludes(from);
  app.add_option("--budget", arguments->budget, "seconds after which no round begins; 0: none")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str()
      ->excludes(from);
  app.add_option("--points-within", arguments->points_within,
                 "keep the points whose two halves of rounds agree so closely")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->excludes(from);
  app.add_flag("--json", arguments->json, "one JSON document instead of the table")->excludes(from);
  run = [arguments] { return profile_command(*arguments); };
}

}  // namespace stepcast::cli
