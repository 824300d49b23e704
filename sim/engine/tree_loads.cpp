#include "sim/engine/tree_loads.h"

#include <algorithm>
#include <map>
#include <utility>

#include "sim/collective/tree_shape.h"

namespace stepcast {
namespace {

using Walk = std::vector<std::uint32_t>;

/// Both trees pass a chain: two halves go up each of its edges, and two come down.
constexpr std::uint32_t kTrees = 2;

/// Channels that take walk `index` of `walks` and enter its node at each place of the walk.
std::vector<std::uint32_t> heads_of_walk(const Walk& walk, const std::vector<std::uint32_t>& rails,
                                         std::size_t index, std::size_t walks,
                                         std::size_t channels) {
  std::vector<std::uint32_t> heads(walk.size(), 0);
  for (std::size_t c = index; c < channels; c += walks) {
    const auto place = std::find(walk.begin(), walk.end(), rails[c % rails.size()]);
    ++heads[static_cast<std::size_t>(place - walk.begin())];
  }
  return heads;
}

/// The chains along a walk: all its edges but the one that leads back to the head.
void add_chains(const Walk& walk, const std::vector<std::uint32_t>& heads, LinkCounter& counter) {
  std::uint32_t channels = 0;
  for (const std::uint32_t count : heads) channels += count;
  for (std::size_t i = 0; i < walk.size() && walk.size() > 1; ++i) {
    const std::size_t next = (i + 1) % walk.size();
    const std::uint32_t times = kTrees * (channels - heads[next]);
    if (times == 0) continue;
    counter.add_route(walk[i], walk[next], times);
    counter.add_route(walk[next], walk[i], times);
  }
}

/// Whether every walk is followed by itself backwards: then, but for the edges at the heads, chains
/// load what rings do, four times in halves.
bool go_both_ways(const std::vector<Walk>& walks) {
  if (walks.size() % 2 != 0) return false;
  for (std::size_t w = 0; w < walks.size(); w += 2) {
    const Walk& there = walks[w];
    const Walk& back = walks[w + 1];
    const auto start = std::find(back.begin(), back.end(), there.front());
    if (back.size() != there.size() || start == back.end()) return false;
    auto at = start;
    for (const std::uint32_t stop : there) {
      if (*at != stop) return false;
      if (at == back.begin()) at = back.end();
      --at;
    }
  }
  return true;
}

void add_chains(const ChannelLayout& layout, LinkCounter& counter) {
  for (std::size_t node = 0; node < layout.walks.size(); ++node) {
    const std::vector<Walk>& walks = layout.walks[node];
    for (std::size_t w = 0; w < std::min<std::size_t>(walks.size(), layout.channels); ++w)
      add_chains(walks[w],
                 heads_of_walk(walks[w], layout.rails[node], w, walks.size(), layout.channels),
                 counter);
  }
}

/// The edges between the heads of nodes.
void add_trees(const ChannelLayout& layout, LinkCounter& counter) {
  const auto nodes = static_cast<std::uint32_t>(layout.rails.size());
  for (std::uint32_t tree = 0; tree < kTrees; ++tree) {
    const std::vector<std::uint32_t> parents = double_tree_parents(nodes, tree);
    for (std::uint32_t node = 0; node < nodes; ++node) {
      if (parents[node] == kTreeRoot) continue;
      const std::vector<std::uint32_t>& own = layout.rails[node];
      const std::vector<std::uint32_t>& above = layout.rails[parents[node]];
      for (std::uint32_t c = 0; c < layout.channels; ++c) {
        counter.add_route(own[c % own.size()], above[c % above.size()]);
        counter.add_route(above[c % above.size()], own[c % own.size()]);
      }
    }
  }
}

bool is_between_switches(LinkKind kind) {
  return is_inter_node(kind) && kind != LinkKind::kNicUp && kind != LinkKind::kNicDown;
}

/// Links of one kind and capacity all weigh as much as the busiest.
void level(const Fabric& fabric, LinkWeights& weights) {
  std::map<std::pair<LinkKind, double>, std::uint32_t> most;
  const auto place_of = [&](const LinkWeight& use) {
    const Link& link = fabric.links()[use.link];
    return std::pair{link.kind, link.capacity.value()};
  };
  for (const LinkWeight& use : weights) {
    std::uint32_t& weight = most[place_of(use)];
    weight = std::max(weight, use.weight);
  }
  for (LinkWeight& use : weights)
    if (!fabric.hashes() || !is_between_switches(fabric.links()[use.link].kind))
      use.weight = most[place_of(use)];
}

TreeLoads bandwidths_of(const Fabric& fabric, const ChannelLayout& layout, LinkWeights halves) {
  const double share = kTrees * layout.channels;
  TreeLoads loads{.halves = std::move(halves)};
  loads.intra_bandwidth = share * least_share(fabric, loads.halves, false);
  loads.inter_bandwidth = share * least_share(fabric, loads.halves, true);
  return loads;
}

}  // namespace

TreeLoads find_tree_loads(const Fabric& fabric, const ChannelLayout& layout) {
  LinkCounter counter(fabric);
  constexpr std::size_t kLarge = 512;  // where a chain's closing edges no longer matter
  const auto& first = layout.walks.front();
  if (layout.walks.size() == 1 && first.front().size() > kLarge && go_both_ways(first))
    return bandwidths_of(fabric, layout, scaled(fabric, layout.rings, 2 * kTrees, 0));
  add_chains(layout, counter);
  add_trees(layout, counter);
  LinkWeights halves = counter.take();
  level(fabric, halves);
  return bandwidths_of(fabric, layout, std::move(halves));
}

}  // namespace stepcast
