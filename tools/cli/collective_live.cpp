#include "tools/cli/collective_live.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

#include "kernels/live/communicator_bench.h"
#include "kernels/live/rank_main.h"
#include "sim/base/error.h"
#include "sim/base/file_io.h"
#include "sim/base/json_writer.h"
#include "sim/base/printed.h"
#include "tools/cli/collective_setup.h"
#include "tools/cli/commands.h"
#include "tools/cli/live_network_profile.h"

namespace stepcast::cli {
namespace {

/// What nccl-tests prints of one way to place the buffers.
struct Column {
  double time_us = 0, algbw_gb_s = 0, busbw_gb_s = 0;
};

Column column_of(const CommunicatorTiming& timing) {
  Column column;
  column.time_us = timing.median.value() * 1e6;
  column.algbw_gb_s = static_cast<double>(timing.size.value()) / timing.median.value() / 1e9;
  column.busbw_gb_s = column.algbw_gb_s * busbw_factor(timing.op, timing.ranks);
  return column;
}

bool reduces(BenchOp op) {
  return op == BenchOp::kAllReduce || op == BenchOp::kReduceScatter || op == BenchOp::kReduce;
}

bool has_root(BenchOp op) { return op == BenchOp::kBroadcast || op == BenchOp::kReduce; }

/// Elements that nccl-tests shows: of a part where the buffer has parts.
std::int64_t count_of(const CommunicatorTiming& timing) {
  const bool parts = timing.op == BenchOp::kAllGather || timing.op == BenchOp::kReduceScatter ||
                     timing.op == BenchOp::kAllToAll;
  return timing.size.value() / 4 / (parts ? timing.ranks : 1);
}

/// Both ways of the same sizes.
struct Measured {
  std::vector<CommunicatorTiming> out_of_place, in_place;
};

std::string to_table(const LiveSweep& sweep, BenchOp op, const Measured& measured) {
  std::string text = printed(
      "# %s between %d ranks on %zu cores of this machine; medians of %d rounds of %d operations\n",
      name_of(op).data(), sweep.ranks, usable_cores().size(), sweep.rounds, sweep.iterations);
  text += printed("#%63s%35s\n", "out-of-place", "in-place");
  text += printed("#%12s %12s %6s %6s %5s %10s %7s %7s %6s %10s %7s %7s %6s\n", "size", "count",
                  "type", "redop", "root", "time", "algbw", "busbw", "#wrong", "time", "algbw",
                  "busbw", "#wrong");
  text += printed("#%12s %12s %6s %6s %5s %10s %7s %7s %6s %10s %7s %7s\n", "(B)", "(elements)", "",
                  "", "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "(GB/s)", "(GB/s)");
  for (std::size_t i = 0; i < measured.out_of_place.size(); ++i) {
    const CommunicatorTiming& timing = measured.out_of_place[i];
    text += printed("%13lld %12lld %6s %6s %5d", static_cast<long long>(timing.size.value()),
                    static_cast<long long>(count_of(timing)), "float", reduces(op) ? "sum" : "none",
                    has_root(op) ? 0 : -1);
    for (const CommunicatorTiming* way : {&timing, &measured.in_place[i]}) {
      const Column column = column_of(*way);
      text += printed(" %10.2f %7.2f %7.2f %6lld", column.time_us, column.algbw_gb_s,
                      column.busbw_gb_s, static_cast<long long>(way->wrong));
    }
    text += "\n";
  }
  return text;
}

void write_way(JsonWriter& json, const char* name, const CommunicatorTiming& timing) {
  const Column column = column_of(timing);
  json.key(name);
  json.begin_object(JsonWriter::Layout::kOneLine);
  json.member("time_us", column.time_us);
  json.member("time_q10_us", timing.q10.value() * 1e6);
  json.member("time_q90_us", timing.q90.value() * 1e6);
  json.member("algbw_gb_s", column.algbw_gb_s);
  json.member("busbw_gb_s", column.busbw_gb_s);
  json.member("wrong_elements", timing.wrong);
  json.end_object();
}

std::string to_json(const LiveSweep& sweep, BenchOp op, const Measured& measured) {
  JsonWriter json;
  json.begin_object();
  json.member("op", name_of(op));
  json.member("ranks", sweep.ranks);
  json.member("cores", usable_cores().size());
  json.member("rounds", sweep.rounds);
  json.member("iterations", sweep.iterations);
  json.member("grade", "measured");
  json.key("results");
  json.begin_array();
  for (std::size_t i = 0; i < measured.out_of_place.size(); ++i) {
    json.begin_object();
    json.member("size_bytes", measured.out_of_place[i].size.value());
    write_way(json, "out_of_place", measured.out_of_place[i]);
    write_way(json, "in_place", measured.in_place[i]);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

std::int64_t wrong_elements(const Measured& measured) {
  std::int64_t wrong = 0;
  for (const auto* timings : {&measured.out_of_place, &measured.in_place})
    for (const CommunicatorTiming& timing : *timings) wrong += timing.wrong;
  return wrong;
}

}  // namespace

CLI::Option* add_live_options(CLI::App& app, LiveSweep& sweep) {
  CLI::Option* live = app.add_flag(
      "--live", sweep.live, "measure between processes of this machine, over its memory, instead");
  app.add_option("--ranks", sweep.ranks, "with --live: processes, pinned to cores in turn (2)")
      ->check(CLI::Range(2, 64))
      ->needs(live);
  app.add_option("--rounds", sweep.rounds, "with --live: samples of every size (20)")
      ->check(CLI::Range(1, 100'000))
      ->needs(live);
  app.add_option("--iterations", sweep.iterations, "with --live: operations per sample (20)")
      ->check(CLI::Range(1, 100'000))
      ->needs(live);
  app.add_option("--write-profile", sweep.profile,
                 "with --live: time all operations, one at a time, and write this network profile; "
                 "a profile that is there keeps what it says of other numbers of ranks")
      ->needs(live);
  return live;
}

int run_live_sweep(const LiveSweep& sweep, const std::string& op,
                   const std::vector<std::int64_t>& sizes, bool json) {
  if (!sweep.profile.empty()) {
    if (json)
      throw Error(ErrorKind::kUsage,
                  "stepcast: --write-profile writes its JSON to the file; leave --json out");
    check_can_write(sweep.profile);
    print(write_live_network_profile(sweep, {sizes.begin(), sizes.end()}, sweep.profile));
    return 0;
  }
  CommunicatorBenchSettings settings{
      .op = op_of_option(op), .sizes = {}, .rounds = sweep.rounds, .iterations = sweep.iterations};
  for (const std::int64_t size : sizes) settings.sizes.emplace_back(size);
  CommunicatorBenchSettings in_place = settings;
  in_place.in_place = true;
  auto results = bench_processes(sweep.ranks, {settings, in_place});
  const Measured measured{.out_of_place = std::move(results[0]), .in_place = std::move(results[1])};
  if (measured.out_of_place.empty())
    throw Error(ErrorKind::kUsage, "no size from --min to --max has an element for each of " +
                                       std::to_string(sweep.ranks) + " ranks; raise --max");
  print(json ? to_json(sweep, settings.op, measured) : to_table(sweep, settings.op, measured));
  STEPCAST_CHECK(wrong_elements(measured) == 0, "a collective computed something wrong");
  return 0;
}

}  // namespace stepcast::cli
