// `stepcast collective --concurrent`: what groups get together, beside what each gets alone.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "sim/base/json_writer.h"
#include "sim/base/plain_text.h"
#include "sim/engine/concurrent_bench.h"
#include "tools/cli/collective_setup.h"

namespace stepcast::cli {
namespace {

/// Groups of equal size with equal times.
struct AlikeGroups {
  std::int64_t size = 0;  ///< of the message
  std::size_t first = 0;  ///< the group with the lowest number
  std::int64_t count = 0;
  ConcurrentBench::Outcome outcome;
};

bool alike(const ConcurrentBench::Outcome& a, const ConcurrentBench::Outcome& b) {
  constexpr double kRounding = 1e-9;
  const auto same = [](Seconds x, Seconds y) {
    return std::abs(x.value() - y.value()) <= kRounding * x.value();
  };
  return a.alone.algorithm == b.alone.algorithm && a.alone.protocol == b.alone.protocol &&
         same(a.alone.uncontended, b.alone.uncontended) && same(a.together, b.together);
}

std::vector<AlikeGroups> fold_alike(const ConcurrentBench& bench, std::int64_t size,
                                    const std::vector<ConcurrentBench::Outcome>& outcomes) {
  std::vector<AlikeGroups> rows;
  for (std::size_t group = 0; group < outcomes.size(); ++group) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const AlikeGroups& other) {
      return bench.groups()[other.first].size() == bench.groups()[group].size() &&
             alike(other.outcome, outcomes[group]);
    });
    if (row != rows.end())
      ++row->count;
    else
      rows.push_back({.size = size, .first = group, .count = 1, .outcome = outcomes[group]});
  }
  return rows;
}

/// A row as it is printed.
struct Figures {
  std::int64_t ranks = 0, first_gpu = 0;
  double alone_us = 0, time_us = 0, slowdown = 1;
  double alone_busbw = 0, algbw = 0, busbw = 0;  ///< GB/s
};

Figures figures_of(const CollectiveSetup& setup, const ConcurrentBench& bench,
                   const AlikeGroups& row) {
  const auto& group = bench.groups()[row.first];
  const double factor = busbw_factor(setup.op, static_cast<int>(group.size()));
  const Seconds alone = row.outcome.alone.uncontended, together = row.outcome.together;
  return {.ranks = static_cast<std::int64_t>(group.size()),
          .first_gpu = group.front(),
          .alone_us = alone.value() * 1e6,
          .time_us = together.value() * 1e6,
          .slowdown = alone.value() > 0 ? together / alone : 1.0,
          .alone_busbw = algorithm_bandwidth(row.size, alone) * factor,
          .algbw = algorithm_bandwidth(row.size, together),
          .busbw = algorithm_bandwidth(row.size, together) * factor};
}

std::string to_json(const CollectiveSetup& setup, const std::string& split,
                    const ConcurrentBench& bench, const std::vector<AlikeGroups>& rows) {
  JsonWriter json;
  json.begin_object();
  json.member("topology", setup.topology.name);
  json.member("network_profile", setup.network.name);
  json.member("op", name_of(setup.op));
  json.member("gpus", setup.gpus);
  json.member("gpus_per_node", std::min(setup.gpus, setup.per_node));
  json.member("concurrent", split);
  json.member("groups", static_cast<std::int64_t>(bench.groups().size()));
  json.key("results");
  json.begin_array();
  for (const AlikeGroups& row : rows) {
    const Figures figures = figures_of(setup, bench, row);
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("size_bytes", row.size);
    json.member("groups", row.count);
    json.member("ranks", figures.ranks);
    json.member("first_gpu", figures.first_gpu);
    json.member("alone_us", figures.alone_us);
    json.member("time_us", figures.time_us);
    json.member("slowdown", figures.slowdown);
    json.member("alone_busbw_gb_s", figures.alone_busbw);
    json.member("algbw_gb_s", figures.algbw);
    json.member("busbw_gb_s", figures.busbw);
    json.member("algorithm", name_of(row.outcome.alone.algorithm));
    json.member("protocol", name_of(row.outcome.alone.protocol));
    json.member("grade", name_of(setup.network.grade));
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

std::string to_table(const CollectiveSetup& setup, const std::string& split,
                     const ConcurrentBench& bench, const std::vector<AlikeGroups>& rows) {
  std::string text = "# " + std::string(name_of(setup.op)) + " in " +
                     counted(std::ssize(bench.groups()), "group") + " at once (" + split + "), " +
                     counted(setup.gpus, "GPU") + " of " + setup.topology.name +
                     ", network profile " + setup.network.name + " (" +
                     std::string(name_of(setup.network.grade)) + ")\n";
  char line[192];
  std::snprintf(line, sizeof line, "#%15s %7s %6s %9s %9s %9s %12s %12s %12s %10s %9s\n", "size",
                "groups", "ranks", "first GPU", "algorithm", "protocol", "time alone", "together",
                "busbw alone", "together", "slowdown");
  text += line;
  std::snprintf(line, sizeof line, "#%15s %7s %6s %9s %9s %9s %12s %12s %12s %10s %9s\n", "(B)", "",
                "", "", "", "", "(us)", "(us)", "(GB/s)", "(GB/s)", "");
  text += line;
  for (const AlikeGroups& row : rows) {
    const Figures figures = figures_of(setup, bench, row);
    std::snprintf(
        line, sizeof line, "%16lld %7lld %6lld %9lld %9s %9s %12.2f %12.2f %12.2f %10.2f %9.3f\n",
        static_cast<long long>(row.size), static_cast<long long>(row.count),
        static_cast<long long>(figures.ranks), static_cast<long long>(figures.first_gpu),
        name_of(row.outcome.alone.algorithm).data(), name_of(row.outcome.alone.protocol).data(),
        figures.alone_us, figures.time_us, figures.alone_busbw, figures.busbw, figures.slowdown);
    text += line;
  }
  return text;
}

}  // namespace

std::string concurrent_collectives(const CollectiveSetup& setup, const std::string& split,
                                   bool json) {
  if (!setup.further_networks.empty())
    throw Error(ErrorKind::kUnsupported,
                "--concurrent: the first " + std::to_string(setup.gpus) + " GPUs of topology \"" +
                    setup.topology.name +
                    "\" are of several generations, and groups that run at once are predicted for "
                    "one; take --gpus of one generation (stepcast jobs knows several)");
  const Fabric fabric = setup.fabric();
  const ConcurrentBench bench(
      fabric, split_ranks(first_gpus(fabric, setup.gpus, setup.per_node), parse_rank_split(split)),
      setup.op, setup.settings.choice);
  std::vector<AlikeGroups> rows;
  for (const std::int64_t size : setup.sizes) {
    const auto of_size =
        fold_alike(bench, size, bench.run(setup.network, Bytes(size), setup.settings));
    rows.insert(rows.end(), of_size.begin(), of_size.end());
  }
  return json ? to_json(setup, split, bench, rows) : to_table(setup, split, bench, rows);
}

}  // namespace stepcast::cli
