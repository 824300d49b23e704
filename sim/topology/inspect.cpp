#include "sim/topology/inspect.h"

#include <algorithm>
#include <map>

#include "sim/topology/levels.h"
#include "sim/topology/max_flow.h"

namespace stepcast {
namespace {

/// Beyond this many GPUs, distances are measured from one GPU of every class of alike ones.
constexpr std::size_t kMostSources = 32'768;

std::vector<std::uint32_t> gpus_of(const FabricGraph& graph) {
  std::vector<std::uint32_t> gpus;
  for (std::uint32_t i = 0; i < graph.size(); ++i)
    if (graph.vertices[i].kind == VertexKind::kGpu) gpus.push_back(i);
  return gpus;
}

std::vector<std::uint32_t> one_of_every_class(const FabricGraph& graph,
                                              const std::vector<std::uint32_t>& gpus) {
  std::vector<std::uint32_t> kinds;
  for (const Vertex& vertex : graph.vertices)
    kinds.push_back(static_cast<std::uint32_t>(vertex.kind));
  const std::vector<std::uint32_t> classes = alike_vertices(graph, kinds);
  std::map<std::uint32_t, std::uint32_t> first;
  for (const std::uint32_t gpu : gpus) first.try_emplace(classes[gpu], gpu);
  std::vector<std::uint32_t> chosen;
  for (const auto& [of_class, gpu] : first) chosen.push_back(gpu);
  return chosen;
}

void measure_distance(const FabricGraph& graph, FabricReport& report) {
  const std::vector<std::uint32_t> gpus = gpus_of(graph);
  const Distance distance =
      farthest(graph, gpus.size() > kMostSources ? one_of_every_class(graph, gpus) : gpus, gpus);
  report.connected = distance.connected;
  report.diameter_hops = distance.hops;
}

// The classes that the bisection starts from: the halves, then what is no GPU.
constexpr std::uint32_t kFirstHalf = 0;
constexpr std::uint32_t kSecondHalf = 1;

/// The GPUs of the halves are where the flow starts or ends.
std::vector<std::uint32_t> halves(const FabricGraph& graph, std::int64_t num_nodes) {
  const std::vector<std::uint32_t> gpus = gpus_of(graph);
  std::vector<std::uint32_t> classes;
  for (const Vertex& vertex : graph.vertices)
    classes.push_back(kSecondHalf + 1 + static_cast<std::uint32_t>(vertex.kind));
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    const bool first =
        num_nodes > 1 ? graph.vertices[gpus[i]].group < num_nodes / 2 : i < gpus.size() / 2;
    classes[gpus[i]] = first ? kFirstHalf : kSecondHalf;
  }
  return classes;
}

using Capacities = std::map<std::pair<std::size_t, std::size_t>, std::int64_t>;

/// The network that max_flow() works on. An unlimited arc gets more than all others together; where
/// that does not fit a whole number, all are rounded to multiples of `unit` bytes per second.
std::vector<Arc> arcs_of(const Capacities& capacities, std::int64_t& unit) {
  double limited = 1;
  double unlimited_arcs = 0;
  for (const auto& [pair, capacity] : capacities) {
    const bool limit = capacity != GraphArc::kUnlimited;
    limited += limit ? static_cast<double>(capacity) : 0;
    unlimited_arcs += limit ? 0 : 1;
  }
  constexpr double kMost = 4e18;
  unit = static_cast<std::int64_t>(1 + limited * (1 + unlimited_arcs) / kMost);
  const std::int64_t unlimited = static_cast<std::int64_t>(limited) / unit + 1;
  std::vector<Arc> arcs;
  for (const auto& [pair, capacity] : capacities)
    arcs.push_back(
        {pair.first, pair.second, capacity == GraphArc::kUnlimited ? unlimited : capacity / unit});
  return arcs;
}

/// Alike vertices merged (alike_vertices() says why that is exact), and each half in one vertex.
void measure_bisection(const FabricGraph& graph, FabricReport& report) {
  const std::vector<std::uint32_t> half_of = halves(graph, report.nodes);
  report.smaller_half_gpus =
      std::min(std::ranges::count(half_of, kFirstHalf), std::ranges::count(half_of, kSecondHalf));
  const std::vector<std::uint32_t> alike = alike_vertices(graph, half_of);
  std::map<std::uint32_t, std::size_t> numbers;  // of classes, 2 and up
  const auto merged = [&](std::uint32_t vertex) -> std::size_t {
    if (half_of[vertex] <= kSecondHalf) return half_of[vertex];
    return numbers.try_emplace(alike[vertex], numbers.size() + 2).first->second;
  };
  Capacities capacities;
  for (const GraphArc& arc : graph.arcs) {
    const std::size_t from = merged(arc.from);
    const std::size_t to = merged(arc.to);
    if (from == to) continue;
    std::int64_t& capacity = capacities[{from, to}];
    const bool limited = capacity != GraphArc::kUnlimited && arc.capacity != GraphArc::kUnlimited;
    capacity = limited ? capacity + arc.capacity : GraphArc::kUnlimited;
  }
  report.merged_vertices = static_cast<std::int64_t>(numbers.size()) + 2;
  std::int64_t unit = 1;
  const std::vector<Arc> arcs = arcs_of(capacities, unit);
  const std::int64_t flow = max_flow(numbers.size() + 2, arcs, kFirstHalf, kSecondHalf);
  report.bisection = BytesPerSec(static_cast<double>(flow) * static_cast<double>(unit));
}

void count_links(const Fabric& fabric, FabricReport& report) {
  std::map<LinkKind, LinkCount> by_kind;
  for (const Link& link : fabric.links()) {
    LinkCount& row =
        by_kind.try_emplace(link.kind, LinkCount{link.kind, 0, link.capacity, link.capacity})
            .first->second;
    ++row.count;
    row.slowest = std::min(row.slowest, link.capacity);
    row.fastest = std::max(row.fastest, link.capacity);
  }
  for (const auto& [kind, row] : by_kind) report.links.push_back(row);
}

void count_vertices(const FabricGraph& graph, FabricReport& report) {
  for (const Vertex& vertex : graph.vertices) {
    report.gpus += vertex.kind == VertexKind::kGpu;
    report.nics += vertex.kind == VertexKind::kNic;
    report.node_switches += vertex.kind == VertexKind::kNodeSwitch;
  }
}

}  // namespace

FabricReport inspect(const Topology& topology, std::int64_t num_gpus) {
  const Fabric fabric(topology, num_gpus);
  FabricReport report;
  report.nodes = fabric.num_nodes();
  const FabricGraph graph = graph_of(fabric, false);
  count_vertices(graph, report);
  count_links(fabric, report);
  report.levels = switch_levels(graph);
  const FabricGraph used = fabric.num_nodes() == 1 ? graph_of(fabric, true) : graph;
  measure_distance(used, report);
  measure_bisection(used, report);
  return report;
}

}  // namespace stepcast
