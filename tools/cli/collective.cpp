#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "sim/base/json_writer.h"
#include "sim/engine/collective_bench.h"
#include "sim/scenario/scenario.h"
#include "tools/cli/collective_live.h"
#include "tools/cli/commands.h"
#include "tools/cli/sizes.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string topology;
  std::string op = "all_reduce";
  std::int64_t gpus = 8;
  std::int64_t per_node = 0;  // 0: full nodes
  std::string min = "8", max;
  std::int64_t factor = 2;
  std::string network_profile;
  std::string algorithm, protocol;
  bool single_process = false;
  LiveSweep live;
  bool json = false;
};

struct Result {
  std::int64_t size = 0;
  FlowPlan plan;
  double algbw_gb_s = 0, busbw_gb_s = 0;
};

struct Sweep {
  Topology topology;
  NetworkProfile network;
  BenchOp op{};
  std::int64_t per_node = 0;
  std::vector<Result> results;
};

/// An enumerator by its name, whatever the case.
template <typename Enum>
Enum named(const char* option, const std::string& text, std::span<const Enum> all) {
  const auto lower = [](std::string_view name) {
    std::string result(name);
    for (char& c : result)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return result;
  };
  std::string known;
  for (const Enum value : all) {
    if (lower(name_of(value)) == lower(text)) return value;
    known += " " + std::string(name_of(value));
  }
  throw Error(ErrorKind::kUsage, std::string(option) + " " + text + ": unknown; known:" + known);
}

BenchSettings settings_of(const Arguments& arguments) {
  BenchSettings settings;
  settings.single_process = arguments.single_process;
  if (!arguments.algorithm.empty())
    settings.algorithm = named<Algorithm>("--algorithm", arguments.algorithm, kAllAlgorithms);
  if (!arguments.protocol.empty())
    settings.protocol = named<Protocol>("--protocol", arguments.protocol, kAllProtocols);
  return settings;
}

/// The nodes that are used, and no more: a large topology makes large tables of links.
Fabric fabric_of(const Sweep& sweep, std::int64_t gpus) {
  const std::int64_t nodes = (gpus + sweep.per_node - 1) / sweep.per_node;
  if (nodes > sweep.topology.num_nodes)
    throw Error(ErrorKind::kInfeasible,
                "--gpus " + std::to_string(gpus) + " at " + std::to_string(sweep.per_node) +
                    " per node need " + std::to_string(nodes) + " nodes; topology \"" +
                    sweep.topology.name + "\" has " + std::to_string(sweep.topology.num_nodes));
  return Fabric(sweep.topology, nodes * sweep.topology.node.gpus);
}

Sweep run_sweep(const Arguments& arguments, const std::vector<std::int64_t>& sizes) {
  const BenchSettings settings = settings_of(arguments);
  const Library library = find_library();
  Sweep sweep;
  sweep.topology = load_topology(arguments.topology, library);
  sweep.op = find_bench_op(arguments.op);
  const std::string& profile = arguments.network_profile.empty() ? sweep.topology.network_profile
                                                                 : arguments.network_profile;
  sweep.network =
      for_generation(load_network_profile(profile, library), sweep.topology.device.generation);
  sweep.per_node = arguments.per_node == 0 ? sweep.topology.node.gpus : arguments.per_node;
  if (sweep.per_node > sweep.topology.node.gpus)
    throw Error(ErrorKind::kUsage,
                "--per-node " + std::to_string(sweep.per_node) + " is more than the " +
                    std::to_string(sweep.topology.node.gpus) + " GPUs that a node has");
  const Fabric fabric = fabric_of(sweep, arguments.gpus);
  const CollectiveBench bench(fabric, first_gpus(fabric, arguments.gpus, sweep.per_node), sweep.op);
  const double factor = busbw_factor(sweep.op, bench.num_ranks());
  for (const std::int64_t size : sizes) {
    Result result{.size = size,
                  .plan = bench.plan(sweep.network, Bytes(size), settings),
                  .algbw_gb_s = 0,
                  .busbw_gb_s = 0};
    if (result.plan.uncontended.value() > 0)
      result.algbw_gb_s = static_cast<double>(size) / result.plan.uncontended.value() / 1e9;
    result.busbw_gb_s = result.algbw_gb_s * factor;
    sweep.results.push_back(result);
  }
  return sweep;
}

std::string to_json(const Sweep& sweep, std::int64_t gpus) {
  JsonWriter json;
  json.begin_object();
  json.member("topology", sweep.topology.name);
  json.member("network_profile", sweep.network.name);
  json.member("op", name_of(sweep.op));
  json.member("gpus", gpus);
  json.member("gpus_per_node", std::min(gpus, sweep.per_node));
  json.key("results");
  json.begin_array();
  for (const Result& result : sweep.results) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("size_bytes", result.size);
    json.member("time_us", result.plan.uncontended.value() * 1e6);
    json.member("algbw_gb_s", result.algbw_gb_s);
    json.member("busbw_gb_s", result.busbw_gb_s);
    json.member("algorithm", name_of(result.plan.algorithm));
    json.member("protocol", name_of(result.plan.protocol));
    json.member("grade", name_of(sweep.network.grade));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

std::string to_table(const Sweep& sweep, std::int64_t gpus) {
  std::string text = "# " + std::string(name_of(sweep.op)) + ", " + std::to_string(gpus) +
                     " GPUs of " + sweep.topology.name + ", network profile " + sweep.network.name +
                     " (" + std::string(name_of(sweep.network.grade)) + ")\n";
  char line[128];
  std::snprintf(line, sizeof line, "#%15s %10s %10s %12s %10s %10s\n", "size", "algorithm",
                "protocol", "time", "algbw", "busbw");
  text += line;
  std::snprintf(line, sizeof line, "#%15s %10s %10s %12s %10s %10s\n", "(B)", "", "", "(us)",
                "(GB/s)", "(GB/s)");
  text += line;
  for (const Result& result : sweep.results) {
    std::snprintf(line, sizeof line, "%16lld %10s %10s %12.2f %10.2f %10.2f\n",
                  static_cast<long long>(result.size), name_of(result.plan.algorithm).data(),
                  name_of(result.plan.protocol).data(), result.plan.uncontended.value() * 1e6,
                  result.algbw_gb_s, result.busbw_gb_s);
    text += line;
  }
  return text;
}

int run_collective(const Arguments& arguments) {
  const bool live = arguments.live.live;
  const std::string max = !arguments.max.empty() ? arguments.max : live ? "16M" : "8G";
  const std::vector<std::int64_t> sizes = swept_sizes(arguments.min, max, arguments.factor);
  if (live) return run_live_sweep(arguments.live, arguments.op, sizes, arguments.json);
  if (arguments.topology.empty())
    throw Error(ErrorKind::kUsage,
                "stepcast: topology is required, or --live (see stepcast collective --help)");
  const Sweep sweep = run_sweep(arguments, sizes);
  print(arguments.json ? to_json(sweep, arguments.gpus) : to_table(sweep, arguments.gpus));
  return 0;
}

}  // namespace

void add_collective(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::Option* live = add_live_options(app, arguments->live);
  live->excludes(app.add_option("topology", arguments->topology, "a shipped name or a file"));
  app.add_option("--op", arguments->op,
                 "all_reduce, all_gather, reduce_scatter, broadcast, reduce, all_to_all, sendrecv");
  live->excludes(app.add_option("--gpus", arguments->gpus, "ranks, one on each GPU (8)")
                     ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24)));
  live->excludes(app.add_option("--per-node", arguments->per_node, "ranks in a node (all GPUs)")
                     ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24)));
  app.add_option("--min", arguments->min, "smallest size (8)");
  app.add_option("--max", arguments->max, "largest size (8G; 16M with --live)");
  app.add_option("--factor", arguments->factor, "from one size to the next (2)")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 20));
  live->excludes(app.add_option("--network-profile", arguments->network_profile,
                                "another than the topology's: a shipped name or a file"));
  live->excludes(
      app.add_option("--algorithm", arguments->algorithm, "ring, tree, nvls, ... (the fastest)"));
  live->excludes(
      app.add_option("--protocol", arguments->protocol, "LL, LL128 or Simple (the fastest)"));
  live->excludes(app.add_flag("--single-process", arguments->single_process,
                              "one process drives all GPUs, as nccl-tests -g does"));
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  run = [arguments] { return run_collective(*arguments); };
}

}  // namespace stepcast::cli
