#include "sim/ledger/collective_samples.h"

#include <algorithm>
#include <filesystem>

namespace stepcast {
namespace {

std::string sweep_of(const CsvCells& cells) {
  std::string sweep;
  for (const char* column : {"system", "collective", "nodes", "n_gpus", "nccl_version", "notes"})
    sweep += cells.text(column) + "|";
  return sweep;
}

}  // namespace

const CollectiveBench& CollectiveBenches::bench(const CollectiveSystem& system,
                                                const TimedCollective& row) {
  const auto key = std::tuple(system.name, row.op, row.ranks, row.per_node,
                              row.nic_bandwidth.value(), row.settings.choice.algorithms);
  if (const auto found = benches_.find(key); found != benches_.end()) return found->second;
  Topology topology = system.topology;
  topology.num_nodes = std::max(topology.num_nodes, row.nodes);
  topology.node.nic_bandwidth = row.nic_bandwidth;
  if (row.nic_bandwidth.value() <= 0) topology.node.nics = 0;
  const Fabric fabric(topology, row.nodes * topology.node.gpus);
  return benches_
      .emplace(key, CollectiveBench(fabric, first_gpus(fabric, row.ranks, row.per_node), row.op,
                                    row.settings.choice))
      .first->second;
}

CollectiveSamples read_collective_samples(const std::string& file) {
  const CsvTable table = read_csv_file(file);
  require_collective_columns(table, "system");
  const std::filesystem::path beside =
      std::filesystem::path(file).parent_path() / "collective_systems.csv";
  const std::map<std::string, CollectiveSystem> systems =
      read_collective_systems(read_csv_file(beside.string()));
  CollectiveSamples set;
  for (const CsvRecord& record : table.records) {
    const CsvCells cells(table, record);
    const std::string quality = cells.text("quality");
    std::string id = cells.text("id");
    if (id.empty()) id = "line " + std::to_string(record.line);
    const auto system = systems.find(cells.text("system"));
    if (!quality.empty() && quality != "ok") {
      set.skipped.emplace_back(id, "its quality is \"" + quality + "\"");
    } else if (system == systems.end()) {
      set.skipped.emplace_back(
          id, beside.string() + " does not describe system \"" + cells.text("system") + "\"");
    } else {
      TimedCollective row = read_collective_row(cells, system->second);
      if (!row.skipped.empty()) {
        set.skipped.emplace_back(id, row.skipped);
        continue;
      }
      const CollectiveBench* bench = &set.benches.bench(system->second, row);
      set.samples.push_back({.id = id,
                             .system = system->first,
                             .sweep = sweep_of(cells),
                             .network = system->second.network_profile,
                             .generation = system->second.topology.device.generation,
                             .row = std::move(row),
                             .bench = bench});
    }
  }
  if (set.samples.empty())
    throw Error(ErrorKind::kInput,
                file + ": of none of its rows a collective can be told" +
                    (set.skipped.empty() ? std::string("; it has none")
                                         : ": " + set.skipped.front().first +
                                               ", for one: " + set.skipped.front().second));
  return set;
}

}  // namespace stepcast
