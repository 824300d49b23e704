// Breadth-first searches side by side: every vertex has a bit for each source that has reached it,
// and a round hands the bits on over every arc.
#include <algorithm>
#include <array>

#include "sim/topology/graph.h"

namespace stepcast {
namespace {

constexpr std::size_t kSources = 512;

struct Reached {
  std::array<std::uint64_t, kSources / 64> words{};
  bool operator==(const Reached&) const = default;
  void add(const Reached& other) {
    for (std::size_t i = 0; i < words.size(); ++i) words[i] |= other.words[i];
  }
};

Distance farthest_of_batch(const FabricGraph& graph, std::span<const std::uint32_t> sources,
                           std::span<const std::uint32_t> ends) {
  Reached all;
  std::vector<Reached> reached(graph.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    reached[sources[i]].words[i / 64] |= std::uint64_t{1} << (i % 64);
    all.words[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  std::vector<Reached> next = reached;
  Distance distance;
  for (std::int64_t round = 1;; ++round) {
    for (const GraphArc& arc : graph.arcs) next[arc.to].add(reached[arc.from]);
    if (std::ranges::any_of(ends, [&](std::uint32_t end) { return next[end] != reached[end]; }))
      distance.hops = round;
    if (next == reached) break;
    reached = next;
  }
  distance.connected =
      std::ranges::all_of(ends, [&](std::uint32_t end) { return reached[end] == all; });
  return distance;
}

}  // namespace

Distance farthest(const FabricGraph& graph, std::span<const std::uint32_t> sources,
                  std::span<const std::uint32_t> ends) {
  Distance distance;
  while (!sources.empty()) {
    const auto batch = sources.first(std::min(kSources, sources.size()));
    sources = sources.subspan(batch.size());
    const Distance here = farthest_of_batch(graph, batch, ends);
    distance.connected = distance.connected && here.connected;
    distance.hops = std::max(distance.hops, here.hops);
  }
  return distance;
}

}  // namespace stepcast
