#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <filesystem>
#include <memory>

#include "sim/base/file_io.h"
#include "sim/base/json_writer.h"
#include "sim/ledger/collective_calibration.h"
#include "sim/ledger/collective_fit_text.h"
#include "sim/ledger/collective_one_sweep.h"
#include "tools/cli/collective_setup.h"
#include "tools/cli/commands.h"
#include "tools/cli/named_by.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::vector<std::string> inputs;
  std::string topology, network_profile;
  std::string output;
  std::string op;
  std::int64_t gpus = 0, nodes = 0;  // 0: as the log says
  std::string leave_out = "none";
  bool one_sweep = false;
  bool json = false;
};

bool is_table(const std::string& file) { return file.ends_with(".csv"); }

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

void write_profile(const NetworkProfile& profile, const std::string& source,
                   const std::string& file) {
  JsonWriter json;
  write_network_profile(json, profile, source);
  write_text_file_atomically(file, json.text());
  std::fprintf(stderr, "network profile: %s\n", file.c_str());
}

/// Every shared profile into its file in the folder `output`.
void write_profiles(const Arguments& arguments, const SharedFit& fit) {
  const std::string source = "stepcast calibrate-network to " + std::to_string(fit.samples.size()) +
                             " rows of " + file_name(arguments.inputs.front()) +
                             ", from the constants of NCCL 2.30 (src/graph/tuning.cc)";
  std::filesystem::create_directories(arguments.output);
  for (const NetworkProfile& profile : fit.profiles)
    write_profile(profile, source, arguments.output + "/" + profile.name + ".json");
}

void show_one_sweep(const Arguments& arguments, const CollectiveSamples& set, bool leave_out) {
  const Library library = find_library();
  const SharedFit fit = leave_out ? fit_shared_profiles(set, true) : SharedFit{};
  const std::vector<OneSweepError> errors = calibrate_on_one_sweep(
      set, leave_out ? profiles_without_system(fit, library) : shipped_profiles(library));
  print(arguments.json ? to_json(errors) : to_table(errors));
}

/// Without a topology: one table of many systems.
int fit_systems(const Arguments& arguments) {
  if (arguments.inputs.size() != 1 || !is_table(arguments.inputs.front()))
    throw Error(ErrorKind::kUsage,
                "calibrate-network takes the logs of one machine with --topology, or, without it, "
                "one table of many systems (CSV)");
  const CollectiveSamples set = read_collective_samples(arguments.inputs.front());
  const bool leave_out = arguments.leave_out == "system";
  if (arguments.one_sweep) {
    show_one_sweep(arguments, set, leave_out);
    return 0;
  }
  const SharedFit fit = fit_shared_profiles(set, leave_out);
  print(arguments.json ? to_json(fit) : to_table(fit));
  if (!arguments.output.empty()) write_profiles(arguments, fit);
  return 0;
}

NcclTestsHints hints_of(const Arguments& arguments) {
  NcclTestsHints hints;
  if (!arguments.op.empty()) hints.op = op_of_option(arguments.op);
  if (arguments.gpus > 0) hints.ranks = arguments.gpus;
  if (arguments.nodes > 0) hints.hosts = arguments.nodes;
  return hints;
}

int calibrate_machine(const Arguments& arguments) {
  const Library library = find_library();
  const Topology topology =
      named_by("--topology", [&] { return load_topology(arguments.topology, library); });
  const std::string& start =
      arguments.network_profile.empty() ? topology.network_profile : arguments.network_profile;
  const NetworkProfile base =
      for_generation(load_network_profile(start, library), topology.device.generation);
  CollectiveSamples set;
  for (const std::string& file : arguments.inputs) {
    if (is_table(file))
      add_table(file, topology, set);
    else
      add_run(read_nccl_tests(file, hints_of(arguments)), topology, set);
  }
  std::vector<const CollectiveSample*> samples;
  for (const CollectiveSample& sample : set.samples) samples.push_back(&sample);
  const std::string name = arguments.output.empty()
                               ? topology.name + "-network"
                               : std::filesystem::path(arguments.output).stem().string();
  const Calibration calibration = calibrate(samples, base, name);
  print(arguments.json ? to_json(calibration) : to_table(calibration));
  if (arguments.output.empty()) return 0;
  std::string source =
      "stepcast calibrate-network on topology " + topology.name + ", from " + base.name + ", by";
  for (const std::string& file : arguments.inputs) source += " " + file_name(file);
  write_profile(calibration.profile, source, arguments.output);
  return 0;
}

}  // namespace

void add_calibrate_network(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("inputs", arguments->inputs,
                 "what nccl-tests printed (text, or JSON of -J), or tables of timings (.csv)")
      ->required();
  CLI::Option* machine = app.add_option(
      "--topology", arguments->topology,
      "the machine: a shipped name or a file; without it, one table of many systems");
  app.add_option("--network-profile", arguments->network_profile,
                 "where to start: a shipped name or a file (the topology's)")
      ->needs(machine);
  app.add_option("--op", arguments->op, "what ran, where a log does not say")->needs(machine);
  app.add_option("--gpus", arguments->gpus, "ranks, where a log does not say")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->needs(machine);
  app.add_option("--nodes", arguments->nodes, "nodes, where a log does not say")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24))
      ->needs(machine);
  app.add_option("--leave-out", arguments->leave_out,
                 "of many systems: system = predict each by a fit to the others, with --one-sweep "
                 "start from that fit; none")
      ->check(CLI::IsMember({"system", "none"}))
      ->excludes(machine);
  CLI::Option* one_sweep =
      app.add_flag("--one-sweep", arguments->one_sweep,
                   "of many systems: calibrate each on one sweep, and show its errors on all")
          ->excludes(machine);
  app.add_option("-o,--output", arguments->output,
                 "write the profile to this file; of many systems, the shared ones to this folder")
      ->excludes(one_sweep);
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  run = [arguments] {
    return arguments->topology.empty() ? fit_systems(*arguments) : calibrate_machine(*arguments);
  };
}

}  // namespace stepcast::cli
