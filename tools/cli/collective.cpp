#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "sim/base/json_writer.h"
#include "sim/base/plain_text.h"
#include "tools/cli/collective_live.h"
#include "tools/cli/collective_setup.h"
#include "tools/cli/commands.h"
#include "tools/cli/sizes.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  CollectiveArguments simulated;
  std::string min = "8", max;
  std::int64_t factor = 2;
  LiveSweep live;
  bool json = false;
};

struct Result {
  std::int64_t size = 0;
  FlowPlan plan;
  double algbw_gb_s = 0, busbw_gb_s = 0;
};

std::vector<Result> run_sweep(const CollectiveSetup& setup) {
  const Fabric fabric = setup.fabric();
  const CollectiveBench bench(fabric, first_gpus(fabric, setup.gpus, setup.per_node), setup.op,
                              setup.settings.choice);
  const double factor = busbw_factor(setup.op, bench.num_ranks());
  std::vector<Result> results;
  for (const std::int64_t size : setup.sizes) {
    const FlowPlan plan = setup.plan(bench, Bytes(size));
    const double algbw = algorithm_bandwidth(size, plan.uncontended);
    results.push_back(
        {.size = size, .plan = plan, .algbw_gb_s = algbw, .busbw_gb_s = algbw * factor});
  }
  return results;
}

/// Every channel is a thread block, so it takes an SM.
void write_channels(JsonWriter& json, int channels) {
  for (const char* key : {"channels", "sms"}) {
    json.key(key);
    channels > 0 ? json.value(channels) : json.null();
  }
}

std::string to_json(const CollectiveSetup& setup, const std::vector<Result>& results) {
  JsonWriter json;
  json.begin_object();
  json.member("topology", setup.topology.name);
  json.member("network_profile", setup.network.name);
  json.member("op", name_of(setup.op));
  json.member("gpus", setup.gpus);
  json.member("gpus_per_node", std::min(setup.gpus, setup.per_node));
  json.key("results");
  json.begin_array();
  for (const Result& result : results) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("size_bytes", result.size);
    json.member("time_us", result.plan.uncontended.value() * 1e6);
    json.member("algbw_gb_s", result.algbw_gb_s);
    json.member("busbw_gb_s", result.busbw_gb_s);
    json.member("algorithm", name_of(result.plan.algorithm));
    json.member("protocol", name_of(result.plan.protocol));
    write_channels(json, result.plan.channels);
    json.member("grade", name_of(result.plan.grade));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

std::string channels_text(const FlowPlan& plan) {
  return plan.channels > 0 ? std::to_string(plan.channels) : "-";
}

std::string to_table(const CollectiveSetup& setup, const std::vector<Result>& results) {
  std::string text = "# " + std::string(name_of(setup.op)) + ", " + counted(setup.gpus, "GPU") +
                     " of " + setup.topology.name + ", network profile " + setup.network.name +
                     " (" + std::string(name_of(setup.network.grade)) + ")\n";
  char line[128];
  std::snprintf(line, sizeof line, "#%15s %10s %10s %8s %12s %10s %10s\n", "size", "algorithm",
                "protocol", "channels", "time", "algbw", "busbw");
  text += line;
  std::snprintf(line, sizeof line, "#%15s %10s %10s %8s %12s %10s %10s\n", "(B)", "", "", "(SMs)",
                "(us)", "(GB/s)", "(GB/s)");
  text += line;
  for (const Result& result : results) {
    std::snprintf(line, sizeof line, "%16lld %10s %10s %8s %12.2f %10.2f %10.2f\n",
                  static_cast<long long>(result.size), name_of(result.plan.algorithm).data(),
                  name_of(result.plan.protocol).data(), channels_text(result.plan).c_str(),
                  result.plan.uncontended.value() * 1e6, result.algbw_gb_s, result.busbw_gb_s);
    text += line;
  }
  return text;
}

int run_collective(const Arguments& arguments) {
  const bool live = arguments.live.live;
  const std::string max = !arguments.max.empty() ? arguments.max : live ? "16M" : "8G";
  const std::vector<std::int64_t> sizes = swept_sizes(arguments.min, max, arguments.factor);
  if (live) return run_live_sweep(arguments.live, arguments.simulated.op, sizes, arguments.json);
  if (arguments.simulated.topology.empty())
    throw Error(ErrorKind::kUsage,
                "stepcast: topology is required, or --live (see stepcast collective --help)");
  const CollectiveSetup setup = set_up_collective(arguments.simulated, sizes);
  if (!arguments.simulated.concurrent.empty()) {
    print(concurrent_collectives(setup, arguments.simulated.concurrent, arguments.json));
    return 0;
  }
  const std::vector<Result> results = run_sweep(setup);
  print(arguments.json ? to_json(setup, results) : to_table(setup, results));
  return 0;
}

}  // namespace

void add_collective(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::Option* live = add_live_options(app, arguments->live);
  live->excludes(
      app.add_option("topology", arguments->simulated.topology, "a shipped name or a file"));
  app.add_option(
      "--op", arguments->simulated.op,
      "all_reduce (which it is unless said), all_gather, reduce_scatter, broadcast, reduce, "
      "all_to_all, sendrecv");
  live->excludes(app.add_option("--gpus", arguments->simulated.gpus, "ranks, one on each GPU (8)")
                     ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24)));
  live->excludes(
      app.add_option("--per-node", arguments->simulated.per_node, "ranks in a node (all GPUs)")
          ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24)));
  app.add_option("--min", arguments->min, "smallest size (8)");
  app.add_option("--max", arguments->max, "largest size (8G; 16M with --live)");
  app.add_option("--factor", arguments->factor, "from one size to the next (2)")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 20));
  live->excludes(app.add_option("--network-profile", arguments->simulated.network_profile,
                                "another than the topology's: a shipped name or a file"));
  live->excludes(app.add_option(
      "--algorithm", arguments->simulated.algorithm,
      "as NCCL_ALGO: ring, \"ring,tree\", \"^tree\" (the fastest of the usual ones)"));
  live->excludes(app.add_option("--protocol", arguments->simulated.protocol,
                                "as NCCL_PROTO: LL, LL128, Simple (the fastest)"));
  live->excludes(app.add_flag("--single-process", arguments->simulated.single_process,
                              "one process drives all GPUs, as nccl-tests -g does"));
  live->excludes(app.add_option(
      "--concurrent", arguments->simulated.concurrent,
      "several groups at once, as NCCL_TESTS_SPLIT: \"MOD 8\" (ranks 0, 8, 16, ... are a group), "
      "\"DIV 8\" (ranks 0 to 7 are), \"AND 0x7\", \"OR 0x7\""));
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  run = [arguments] { return run_collective(*arguments); };
}

}  // namespace stepcast::cli
