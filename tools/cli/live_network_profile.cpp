#include "tools/cli/live_network_profile.h"

#include <cstdio>
#include <filesystem>

#include "kernels/live/communicator_bench.h"
#include "kernels/live/rank_main.h"
#include "kernels/profiler/machine.h"
#include "sim/base/file_io.h"
#include "sim/base/json_fields.h"
#include "sim/base/json_writer.h"
#include "sim/base/printed.h"
#include "sim/base/quantity_text.h"
#include "sim/stepcast.h"

namespace stepcast::cli {
namespace {

/// What has no point goes by the formulas of the shipped profile.
constexpr const char* kShipped = "shared-memory";

NetworkProfile profile_to_start_from(const std::string& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    NetworkProfile profile = load_network_profile(kShipped, find_library());
    profile.points = {};
    return profile;
  }
  Problems problems;
  NetworkProfile profile = read_network_profile(read_json_file(file).root(), problems);
  problems.raise_if_any();
  return profile;
}

/// A send and a receive take a rank as long as the two ends of one message take in a row.
std::optional<CollectiveKind> kind_of_point(BenchOp op) {
  if (op == BenchOp::kSendRecv) return std::nullopt;
  return kind_of(op);
}

std::string source_of(const LiveSweep& sweep) {
  return printed(
      "medians of %d rounds between processes on the cores of one machine: %s, %zu cores; what was "
      "not timed, by the formulas of %s",
      sweep.rounds, machine_name().c_str(), usable_cores().size(), kShipped);
}

std::string row(BenchOp op, const std::vector<CommunicatorTiming>& timings) {
  const CommunicatorTiming& small = timings.front();
  const CommunicatorTiming& large = timings.back();
  const double rate = static_cast<double>(large.size.value()) / large.median.value() / 1e9;
  return printed("%-16s %6d %6zu %14s at %-10s %10.2f GB/s at %s\n", name_of(op).data(),
                 small.ranks, timings.size(), to_text(small.median).c_str(),
                 to_text(small.size).c_str(), rate, to_text(large.size).c_str());
}

}  // namespace

std::string write_live_network_profile(const LiveSweep& sweep, const std::vector<Bytes>& sizes,
                                       const std::string& file) {
  NetworkProfile profile = profile_to_start_from(file);
  profile.name = std::filesystem::path(file).stem().string();
  profile.grade = Grade::kMeasured;
  std::vector<CommunicatorBenchSettings> runs;
  for (const BenchOpInfo& info : bench_ops())
    runs.push_back({.op = info.op, .sizes = sizes, .rounds = sweep.rounds, .iterations = 1});
  const auto results = bench_processes(sweep.ranks, runs);
  std::string table = printed("%-16s %6s %6s %28s %24s\n", "operation", "ranks", "sizes",
                              "shortest", "algorithm bandwidth");
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (results[i].empty()) continue;
    for (const CommunicatorTiming& timing : results[i]) {
      STEPCAST_CHECK(timing.wrong == 0, "a collective computed something wrong");
      profile.points.set({.kind = kind_of_point(timing.op),
                          .ranks = timing.ranks,
                          .size = timing.size,
                          .time = timing.median});
    }
    table += row(runs[i].op, results[i]);
  }
  JsonWriter json;
  write_network_profile(json, profile, source_of(sweep));
  write_text_file_atomically(file, json.text());
  std::fprintf(stderr, "network profile, a scenario's \"network_profile\": %s\n", file.c_str());
  return table;
}

}  // namespace stepcast::cli
