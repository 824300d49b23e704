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
#include <optional>

#include "kernels/profiler/anchored_transfer.h"
#include "kernels/profiler/kept_models.h"
#include "kernels/profiler/profile_fit.h"
#include "kernels/profiler/profile_text.h"
#include "sim/base/file_io.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"
#include "tools/cli/named_by.h"
#include "tools/cli/number_option.h"
#include "tools/cli/profile_overlap.h"
#include "tools/cli/profile_targets.h"
#include "tools/cli/progress.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string scenario;
  std::string output;
  std::string on = "auto";  ///< cpu, cuda, auto
  GpuChoice gpu;
  bool overlap = false;
  OverlapArguments overlapping;
  std::string transfer_from, transfer_to, anchors;
  std::string anchors_condition = "sustained";
  int rounds = 8;
  std::optional<double> budget;
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
std::unique_ptr<DeviceProfile> earlier_profile(const Arguments& arguments,
                                               const ProfileTarget& target) {
  if (arguments.again || arguments.output.empty() || !std::filesystem::exists(arguments.output))
    return nullptr;
  Problems problems;
  auto profile = std::make_unique<DeviceProfile>(
      read_device_profile(read_json_file(arguments.output).root(), problems));
  problems.raise_if_any();
  const std::string machine = target.machine(), &device = target.device().name;
  for (const auto& [key, text] : profile->provenance)
    if (key == "machine" && text != machine)
      throw Error(ErrorKind::kInput, arguments.output + ": was measured on \"" + text +
                                         "\", this is \"" + machine +
                                         "\"; name another file, or measure anew with --again");
  if (profile->device != device)
    throw Error(ErrorKind::kInput, arguments.output + ": is a profile of " + profile->device +
                                       ", not of " + device +
                                       "; name another file, or measure anew with --again");
  return profile;
}

/// By --device; without one, what the scenario runs on, or a GPU where there is one to use.
std::unique_ptr<ProfileTarget> target_of(const Arguments& arguments, const Library& library) {
  std::optional<Scenario> scenario;
  if (!arguments.scenario.empty()) scenario = load_scenario(arguments.scenario, library);
  bool gpu = arguments.on == "cuda";
  if (arguments.on == "auto" && scenario) {
    gpu = scenario->topology.device.generation != "cpu";
  } else if (arguments.on == "auto") {
    const std::string why = why_no_gpu(arguments.gpu.number);
    gpu = why.empty();
    if (!gpu) std::fprintf(stderr, "a CPU core is profiled: %s\n", why.c_str());
  }
  if (!gpu) return cpu_target(scenario, library);
  try {
    return gpu_target(scenario, arguments.gpu, library);
  } catch (const Error& error) {
    if (arguments.on == "cuda" || error.kind() != ErrorKind::kUnsupported || !scenario) throw;
    throw Error(error.kind(), scenario->file + ": runs on " + scenario->topology.device.name +
                                  ", and " + error.what());
  }
}

TimingOptions timing_options(const Arguments& arguments, double budget, Progress& progress) {
  return {.rounds = arguments.rounds,
          .budget = arguments.budget.value_or(budget),
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

/// What was timed until a device stopped working is kept; that it did is an error all the same.
void raise_if_broken(const Arguments& arguments, const ProfileRun& run) {
  if (run.broken.empty()) return;
  const std::string kept = arguments.output.empty()
                               ? ""
                               : "; " + std::to_string(run.timed.size()) +
                                     " times taken before are in " + arguments.output +
                                     ", and a rerun goes on from there";
  throw Error(ErrorKind::kLiveRank, run.broken + kept);
}

/// What the file knew of kernels that were not timed now stays, and its provenance says so.
void complete(const DeviceProfile& earlier, DeviceProfile& profile) {
  const std::string kept = keep_models(earlier, profile);
  if (kept.empty()) return;
  std::string since;
  for (const auto& [key, text] : earlier.provenance) {
    if (key == "date") since = " of " + text;
    if (key == "models_kept") since += " and before";
  }
  profile.provenance.emplace_back("models_kept", kept + since);
  std::fprintf(stderr, "kept of the earlier profile, since no kernels tell better: %s\n",
               kept.c_str());
}

int measure(const Arguments& arguments) {
  if (!arguments.output.empty()) check_can_write(arguments.output);
  const Library library = find_library();
  const std::unique_ptr<ProfileTarget> target = target_of(arguments, library);
  const std::unique_ptr<DeviceProfile> earlier = earlier_profile(arguments, *target);
  ProfileRun run;
  {
    const StopOnCtrlC guard;
    Progress progress("kernels");
    run = target->run(earlier.get(), timing_options(arguments, target->budget(), progress));
  }
  for (const std::string& line : target->notes()) std::fprintf(stderr, "%s\n", line.c_str());
  require_usable(run, target->notes());
  const Device& device = target->device();
  FittedProfile fitted = fit_profile(device, run.timed, arguments.points_within, "stepcast");
  fitted.profile.name = arguments.output.empty() ? "profile" : profile_name(arguments);
  fitted.profile.condition = "sustained";
  fitted.profile.provenance = target->facts();
  fitted.profile.provenance.emplace_back("date", today());
  if (earlier) complete(*earlier, fitted.profile);
  print(arguments.json ? profile_json(device, run, fitted) : profile_table(device, run, fitted));
  if (!arguments.output.empty())
    write_profile(arguments, fitted.profile, "stepcast profile on " + target->machine());
  raise_if_broken(arguments, run);
  return 0;
}

int overlap(const Arguments& arguments) {
  const StopOnCtrlC guard;
  Progress progress("pairs");
  return measure_overlap_command(arguments.overlapping, arguments.gpu,
                                 {.output = arguments.output, .json = arguments.json},
                                 timing_options(arguments, 60, progress));
}

std::vector<MeasuredKernel> read_anchors(const std::string& file) {
  if (file.empty()) return {};
  Problems problems;
  const JsonDocument document = named_by("--anchors", [&] { return read_json_file(file); });
  const MeasuredKernels anchors = read_measured_kernels(document.root(), problems);
  problems.raise_if_any();
  return anchors.all();
}

/// What a core reaches says nothing of a GPU.
void require_of_a_kind(const Device& from, const Device& to) {
  if ((from.generation == "cpu") == (to.generation == "cpu")) return;
  const auto kind = [](const Device& device) {
    return device.name + (device.generation == "cpu" ? " is a core" : " is a GPU");
  };
  throw Error(ErrorKind::kUnsupported,
              "kernels are not carried over between cores and GPUs: " + kind(from) + ", and " +
                  kind(to) + "; name a profile and a device of one kind");
}

int transfer(const Arguments& arguments) {
  const Library library = find_library();
  const DeviceProfile source = named_by(
      "--transfer-from", [&] { return load_device_profile(arguments.transfer_from, library); });
  const Device from = load_device(source.device, library);
  const Device to = named_by("--to", [&] { return load_device(arguments.transfer_to, library); });
  require_of_a_kind(from, to);
  const Condition condition =
      arguments.anchors_condition == "burst" ? Condition::kShortBenchmark : Condition::kTraining;
  DeviceProfile profile =
      transfer_anchored(source, from, to, read_anchors(arguments.anchors), condition);
  profile.name = profile_name(arguments);
  write_profile(arguments, profile, "transferred from " + source.name + " (" + from.name + ")");
  return 0;
}

int profile_command(const Arguments& arguments) {
  if (arguments.overlap) return overlap(arguments);
  return arguments.transfer_from.empty() ? measure(arguments) : transfer(arguments);
}

/// Declares --overlap and what belongs to it.
CLI::Option* add_overlap(CLI::App& app, Arguments& arguments, CLI::Option* from) {
  CLI::Option* overlap = app.add_flag("--overlap", arguments.overlap,
                                      "time what transfers take from kernels beside them, on a GPU")
                             ->excludes(from);
  app.add_option("--stack", arguments.overlapping.stack,
                 "the stack whose slowdowns are set in the output of --overlap")
      ->needs(overlap);
  app.add_option("--p2p-channels", arguments.overlapping.channels.message,
                 "SMs that a send or a receive holds: one for each of NCCL's channels to a peer")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->needs(overlap);
  app.add_option("--channels", arguments.overlapping.channels.collective,
                 "SMs that a collective holds: one for each of NCCL's channels")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->needs(overlap);
  return overlap;
}

/// What is said of GPUs would change nothing on a core.
void require_gpu_for_its_options(const Arguments& arguments, const CLI::App& app) {
  if (arguments.on != "cpu") return;
  for (const char* option : {"--gpu", "--as", "--overlap"})
    if (app.count(option) > 0)
      throw Error(ErrorKind::kUsage, std::string(option) + " is of GPUs; leave --device cpu out");
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
  app.add_option(
         "--device", arguments->on,
         "cpu: a core; cuda: a GPU; auto: what --for runs on, else a GPU where there is one")
      ->check(CLI::IsMember({"cpu", "cuda", "auto"}))
      ->capture_default_str()
      ->excludes(from);
  app.add_option("--gpu", arguments->gpu.number, "number of the GPU, as CUDA counts them")
      ->check(CLI::Range(0, 1023))
      ->excludes(from);
  CLI::Option* as =
      app.add_option("--as", arguments->gpu.as,
                     "the device that the GPU is, when the driver's name does not say it")
          ->excludes(from);
  CLI::Option* overlap = add_overlap(app, *arguments, from)->excludes(as);
  app.add_option("--for", arguments->scenario,
                 "time just the kernels of this scenario (else a grid of shapes)")
      ->excludes(from)
      ->excludes(overlap);
  app.add_flag("--again", arguments->again, "measure anew what the output file has already")
      ->excludes(from)
      ->excludes(overlap);
  app.add_option("--rounds", arguments->rounds, "samples of each kernel are spread over so many")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str()
      ->excludes(from);
  app.add_option("--budget", arguments->budget,
                 "seconds after which no round begins; 0: none (60; a GPU's grid: 3600)")
      ->check(number_in(0, 1e6))
      ->excludes(from);
  app.add_option("--points-within", arguments->points_within,
                 "keep the points whose two halves of rounds agree so closely")
      ->check(number_in(0, 1))
      ->capture_default_str()
      ->excludes(from)
      ->excludes(overlap);
  app.add_flag("--json", arguments->json, "one JSON document instead of the table")->excludes(from);
  run = [arguments, &app] {
    require_gpu_for_its_options(*arguments, app);
    return profile_command(*arguments);
  };
}

}  // namespace stepcast::cli
