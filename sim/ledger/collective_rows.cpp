#include "sim/ledger/collective_rows.h"

#include <algorithm>
#include <array>
#include <utility>

namespace stepcast {
namespace {

struct Generation {
  std::string_view label;
  std::string_view name;    ///< Device::generation
  double nvlink_rate = 0;   ///< bytes per second, all links of a GPU, one direction
  double link_rate = 25e9;  ///< of one NVLink
};
constexpr std::array<Generation, 4> kGenerations{{
    {"V100", "volta", 150e9, 25e9},
    {"A100", "ampere", 300e9, 25e9},
    {"H100", "hopper", 450e9, 25e9},
    {"B200", "blackwell", 900e9, 50e9},
}};

/// Words of the column `network`, lower case, and the profile; the first that occurs wins.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNetworks{{
    {"efa", "nccl-efa"},
    {"slingshot", "nccl-slingshot"},
    {"tcpx", "nccl-tcpx"},
    {"roce", "nccl-roce"},
    {"omni", "nccl-omnipath"},
    {"tcp", "nccl-tcp"},
}};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string profile_of(const std::string& network) {
  const std::string words = lower(network);
  for (const auto& [word, profile] : kNetworks)
    if (words.find(word) != std::string::npos) return std::string(profile);
  return "nccl-ib";
}

/// NICs of a host, of text such as "IB 4xHDR200/node" or "Slingshot 2x200/node"; 0: it doesn't say.
std::int64_t nics_of(const std::string& network) {
  const auto digit = [&](std::size_t i) {
    return i < network.size() && network[i] >= '0' && network[i] <= '9';
  };
  for (std::size_t x = network.find('x'); x != std::string::npos; x = network.find('x', x + 1)) {
    std::size_t begin = x, end = x + 1;
    while (begin > 0 && digit(begin - 1)) --begin;
    while (end < network.size() && network[end] != '/' && network[end] != ' ') ++end;
    const bool counts = begin < x && x - begin < 3 && digit(end - 1);
    if (counts && network.compare(end, 5, "/node") == 0)
      return std::stoll(network.substr(begin, x - begin));
  }
  return 0;
}

/// NVIDIA DGX-1 with Tesla V100 white paper (2017), figure 4.
std::vector<MeshLink> hybrid_cube_mesh() {
  return {{0, 1, 1}, {0, 2, 1}, {0, 3, 2}, {0, 4, 2}, {1, 2, 2}, {1, 3, 1}, {1, 5, 2}, {2, 3, 2},
          {2, 6, 1}, {3, 7, 1}, {4, 5, 1}, {4, 6, 1}, {4, 7, 2}, {5, 6, 2}, {5, 7, 1}, {6, 7, 2}};
}

/// The same number of links between every two GPUs.
std::vector<MeshLink> full_mesh(std::int64_t gpus, std::int64_t count) {
  std::vector<MeshLink> links;
  for (std::int64_t a = 0; a < gpus; ++a)
    for (std::int64_t b = a + 1; b < gpus; ++b) links.push_back({a, b, count});
  return links;
}

/// False when no node has this name or number of GPUs.
bool shape_node(const std::string& shape, const Generation& generation, Node& node) {
  if (shape == "nvswitch" || shape.starts_with("nvl")) {
    node.intra = IntraNode::kNvswitch;
    node.intra_bandwidth = BytesPerSec(generation.nvlink_rate);
    return true;
  }
  node.intra = IntraNode::kMesh;
  node.intra_bandwidth = BytesPerSec(generation.link_rate);
  if (shape == "cube8" && node.gpus == 8) {
    node.mesh = hybrid_cube_mesh();
    return true;
  }
  const double links = generation.nvlink_rate / generation.link_rate;
  if (!shape.starts_with("mesh") || node.gpus < 2 || node.gpus - 1 > links) return false;
  node.mesh = full_mesh(node.gpus, static_cast<std::int64_t>(links) / (node.gpus - 1));
  return true;
}

CollectiveSystem read_system(const CsvCells& cells) {
  CollectiveSystem system;
  system.name = cells.text("system");
  system.network_profile = profile_of(cells.text("network"));
  system.gpus_per_host = cells.integer("gpus_per_node").value_or(0);
  Topology& topology = system.topology;
  topology.name = system.name;
  topology.device.name = cells.text("gpu");
  topology.fabric.kind = FabricKind::kSingleSwitch;
  topology.node.gpus = cells.integer("nvlink_domain_gpus").value_or(system.gpus_per_host);
  const std::int64_t nics = nics_of(cells.text("network"));
  topology.node.nics = topology.node.gpus;
  if (nics > 0 && nics < system.gpus_per_host && system.gpus_per_host % nics == 0)
    topology.node.nics = topology.node.gpus / (system.gpus_per_host / nics);
  const std::string label = cells.text("generation");
  for (const Generation& generation : kGenerations) {
    if (generation.label != label) continue;
    topology.device.generation = std::string(generation.name);
    const std::string shape = cells.text("topology");
    if (system.gpus_per_host < 1 || topology.node.gpus < 1 || topology.node.gpus > 1024)
      system.skipped = "system " + system.name + " does not say how many GPUs a node has";
    else if (!shape_node(shape, generation, topology.node))
      system.skipped = "system " + system.name + ": topology \"" + shape + "\" is not known";
    return system;
  }
  system.skipped = "system " + system.name + ": generation \"" + label + "\" is not known";
  return system;
}

/// What one NIC of a system does when each GPU has a share of `gbps`.
BytesPerSec nic_rate(const Topology& topology, double gbps) {
  const double gpus_per_nic = static_cast<double>(topology.node.gpus) /
                              static_cast<double>(std::max<std::int64_t>(1, topology.node.nics));
  return BytesPerSec(gbps * 1e9 / 8 * gpus_per_nic);
}

/// "peak table, Ring forced" and the like.
void read_notes(const std::string& notes, TimedCollective& row) {
  const auto says = [&](std::string_view words) { return notes.find(words) != std::string::npos; };
  row.settings.launch = launch_of(notes);
  if (says("Ring forced")) row.settings.choice.algorithms = {Algorithm::kRing};
  if (says(" Tree forced")) row.settings.choice.algorithms = {Algorithm::kTree};
  if (says("NVLS forced")) row.settings.choice.algorithms = {Algorithm::kNvls};
  if (says("NVLSTree forced")) row.settings.choice.algorithms = {Algorithm::kNvlsTree};
  if (says("SHARP forced")) row.settings.choice.algorithms = {Algorithm::kSharp};
  // Over several nodes NCCL's NVLS is joined by SHARP, or by trees where that is off. The published
  // rows halve from two nodes to four, as only trees do.
  if (says("NVLS forced") && row.nodes > 1) row.settings.choice.algorithms = {Algorithm::kNvlsTree};
}

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Hosts -> NVLink domains.
void place(const CollectiveSystem& system, std::int64_t hosts, TimedCollective& row) {
  const std::int64_t hosts_per_domain =
      std::max<std::int64_t>(1, system.topology.node.gpus / system.gpus_per_host);
  row.nodes = divided_up(hosts, hosts_per_domain);
  row.per_node = divided_up(row.ranks, row.nodes);
}

}  // namespace

std::map<std::string, CollectiveSystem> read_collective_systems(const CsvTable& table) {
  std::map<std::string, CollectiveSystem> systems;
  for (const CsvRecord& record : table.records) {
    const CsvCells cells(table, record);
    CollectiveSystem system = read_system(cells);
    const double rate = cells.number("net_gbps_per_gpu").value_or(0);
    system.topology.node.nic_bandwidth = nic_rate(system.topology, rate);
    systems.emplace(system.name, std::move(system));
  }
  return systems;
}

void require_collective_columns(const CsvTable& table, std::optional<std::string_view> system) {
  std::vector<std::string_view> needed = {"collective", "n_gpus", "size_bytes", "time_us"};
  if (system) needed.insert(needed.begin(), *system);
  std::string all, missing;
  for (const std::string_view name : needed) {
    all += (all.empty() ? "" : ", ") + std::string(name);
    if (!table.column(name)) missing += (missing.empty() ? "" : ", ") + std::string(name);
  }
  if (missing.empty()) return;
  throw Error(ErrorKind::kInput,
              {{.file = table.file,
                .line = 1,
                .path = {},
                .message = "no table of collectives: it lacks the columns " + missing +
                           "; expected are " + all + "; nodes, notes and quality may be there"}});
}

TimedCollective read_collective_row(const CsvCells& cells, const CollectiveSystem& system) {
  TimedCollective row;
  row.skipped = system.skipped;
  row.size = cells.integer("size_bytes").value_or(0);
  row.ranks = cells.integer("n_gpus").value_or(0);
  row.time_us = cells.number("time_us").value_or(0);
  const double rate = cells.number("net_gbps_per_gpu").value_or(0);
  row.nic_bandwidth =
      rate > 0 ? nic_rate(system.topology, rate) : system.topology.node.nic_bandwidth;
  if (!row.skipped.empty()) return row;
  if (row.size < 1 || row.ranks < 1 || row.time_us <= 0) {
    row.skipped = "size, GPUs or time was not published";
    return row;
  }
  place(system, cells.integer("nodes").value_or(divided_up(row.ranks, system.gpus_per_host)), row);
  if (row.nodes < 1 || row.nodes > row.ranks || row.per_node > system.topology.node.gpus)
    row.skipped = "more GPUs in a node than system " + system.name + " has";
  else if (row.nodes > 1 && row.nic_bandwidth.value() <= 0)
    row.skipped = "the rate of the network was not published";
  read_notes(cells.text("notes"), row);
  try {
    row.op = find_bench_op(cells.text("collective"));
  } catch (const Error&) {
    row.skipped = "collective \"" + cells.text("collective") + "\" is not predicted";
  }
  return row;
}

BenchLaunch launch_of(const std::string& notes) {
  if (notes.find("one process") != std::string::npos) return BenchLaunch::kSingleProcess;
  if (notes.find("torch bench") != std::string::npos) return BenchLaunch::kPython;
  return BenchLaunch::kProcessPerGpu;
}

std::string_view size_class(std::int64_t bytes) {
  if (bytes < 8 << 10) return "below 8 KiB";
  return bytes < 1 << 20 ? "8 KiB to 1 MiB" : "1 MiB and more";
}

}  // namespace stepcast
