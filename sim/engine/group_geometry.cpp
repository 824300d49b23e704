// GroupGeometry: where a group's rings run and what they load.
#include "sim/engine/group_geometry.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "sim/base/error.h"
#include "sim/collective/tree_shape.h"
#include "sim/engine/grid_rings.h"
#include "sim/engine/mesh_rings.h"
#include "sim/engine/switch_loads.h"

namespace stepcast {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();
constexpr std::size_t kMostChannels = 256;

/// Parallel links between every two members; the smallest capacity is one link. Empty when there
/// are no direct links at all, so when it is no mesh.
std::vector<std::vector<int>> direct_links(const Fabric& fabric,
                                           const std::vector<std::uint32_t>& members) {
  const std::size_t n = members.size();
  std::vector<std::vector<double>> capacity(n, std::vector<double>(n, 0));
  double unit = kUnlimited;
  std::vector<LinkId> path;
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b < n; ++b) {
      if (a == b) continue;
      path.clear();
      fabric.route(members[a], members[b], path);
      if (path.size() != 1 || fabric.links()[path[0]].kind != LinkKind::kMesh) continue;
      capacity[a][b] = fabric.links()[path[0]].capacity.value();
      unit = std::min(unit, capacity[a][b]);
    }
  }
  if (unit == kUnlimited) return {};
  std::vector<std::vector<int>> counts(n, std::vector<int>(n, 0));
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = 0; b < n; ++b)
      counts[a][b] = static_cast<int>(std::floor(capacity[a][b] / unit + 0.5));
  return counts;
}

/// Disjoint rings over bundles of links. Where they leave links unused, every bundle counts as two:
/// the links between four GPUs, each joined to each, make three rings both ways that use every link
/// twice, but not one and a half that use it once.
std::vector<std::vector<int>> most_rings(const std::vector<std::vector<int>>& links) {
  std::vector<std::vector<int>> whole = disjoint_rings(links);
  int degree = std::numeric_limits<int>::max();
  for (const auto& row : links)
    degree = std::min(degree, std::accumulate(row.begin(), row.end(), 0));
  if (std::ssize(whole) >= degree) return whole;
  std::vector<std::vector<int>> halves = links;
  for (auto& row : halves)
    for (int& count : row) count *= 2;
  std::vector<std::vector<int>> finer = disjoint_rings(halves);
  return finer.size() > 2 * whole.size() ? finer : whole;
}

/// Snakes through a grid whose first GPU is `first`.
std::vector<std::vector<std::uint32_t>> walks_in_grid(const Grid& grid, std::uint32_t first,
                                                      std::vector<std::uint32_t> members) {
  for (std::uint32_t& gpu : members) gpu -= first;
  std::vector<std::vector<std::uint32_t>> walks = grid_walks(grid, members);
  for (auto& walk : walks)
    for (std::uint32_t& gpu : walk) gpu += first;
  return walks;
}

/// The walk begun at `first`, which is on it.
std::vector<std::uint32_t> rotated(const std::vector<std::uint32_t>& walk, std::uint32_t first) {
  std::vector<std::uint32_t> result(walk);
  std::rotate(result.begin(), std::find(result.begin(), result.end(), first), result.end());
  return result;
}

/// Latencies of the hops of a ring.
class RingLatency {
 public:
  void add(Seconds hop) {
    sum_ += hop;
    least_ = std::min(least_, hop);
  }
  void add(const RingLatency& part) {
    sum_ += part.sum_;
    least_ = std::min(least_, part.least_);
  }
  Seconds without_fastest_hop() const { return sum_.value() > 0 ? sum_ - least_ : Seconds{}; }

 private:
  Seconds sum_{};
  Seconds least_{kUnlimited};
};

/// From the last of a node's members down to the first, over those in between.
Seconds chain_latency(const Fabric& fabric, const std::vector<std::uint32_t>& members) {
  std::vector<LinkId> path;
  for (std::size_t i = 1; i < members.size(); ++i) fabric.route(members[i], members[i - 1], path);
  return fabric.latency_of(path);
}

}  // namespace

GroupGeometry::GroupGeometry(const Fabric& fabric, std::span<const std::uint32_t> gpus,
                             bool all_to_all, std::span<const ScheduledWay> ways) {
  STEPCAST_CHECK(!gpus.empty(), "a group without ranks");
  num_ranks_ = static_cast<int>(gpus.size());
  place(fabric, gpus);
  find_walks(fabric);
  load_rings(fabric);
  load_trees(fabric);
  if (all_to_all && gpus.size() > 1)
    exchange_ = find_exchange_loads(fabric, nodes_, nodes_.size() == 1 && !has_switch_);
  if (fabric.has_latency()) find_tree_latency(fabric);
  for (const ScheduledWay& way : ways)
    schedules_.push_back(way.algorithm == Algorithm::kSharp
                             ? find_switch_loads(fabric, *this, way)
                             : find_schedule_loads(fabric, *this, way));
}

const LinkWeights& GroupGeometry::links_of(Algorithm algorithm) const {
  switch (algorithm) {
    case Algorithm::kRing:
      return ring_links_;
    case Algorithm::kTree:
      return tree_links_;
    case Algorithm::kNvls:
    case Algorithm::kNvlsTree:
      return nvls_links_;
    default:
      break;
  }
  return exchange_.links;
}

std::vector<std::uint32_t> GroupGeometry::members() const {
  std::vector<std::uint32_t> result;
  for (const auto& node : nodes_) result.insert(result.end(), node.begin(), node.end());
  return result;
}

std::vector<std::uint32_t> GroupGeometry::ranks_of_nodes() const {
  std::vector<std::uint32_t> counts;
  for (const auto& node : nodes_) counts.push_back(static_cast<std::uint32_t>(node.size()));
  return counts;
}

const ScheduleLoads* GroupGeometry::schedule(CollectiveKind kind, Algorithm algorithm) const {
  for (const ScheduleLoads& loads : schedules_)
    if (loads.way == ScheduledWay{kind, algorithm}) return &loads;
  return nullptr;
}

/// Sorts the GPUs by node (nodes in order of first appearance) and finds the NICs they use.
void GroupGeometry::place(const Fabric& fabric, std::span<const std::uint32_t> gpus) {
  std::vector<std::pair<std::int64_t, std::size_t>> seen;  // node, its place in nodes_; by node
  for (std::uint32_t gpu : gpus) {
    STEPCAST_CHECK(gpu < fabric.num_gpus(), "a group names a GPU that the fabric does not have");
    const std::int64_t node = fabric.node_of(gpu);
    auto at = std::lower_bound(seen.begin(), seen.end(), std::pair{node, std::size_t{0}});
    if (at == seen.end() || at->first != node) {
      at = seen.insert(at, {node, nodes_.size()});
      nodes_.emplace_back();
    }
    nodes_[at->second].push_back(gpu);
  }
  // Data centre by data centre, so that a ring crosses the WAN no more often than it must.
  std::stable_sort(nodes_.begin(), nodes_.end(), [&](const auto& a, const auto& b) {
    return fabric.data_center_of(fabric.node_of(a.front())) <
           fabric.data_center_of(fabric.node_of(b.front()));
  });
  for (std::vector<std::uint32_t>& members : nodes_) {
    std::sort(members.begin(), members.end());
    STEPCAST_CHECK(std::adjacent_find(members.begin(), members.end()) == members.end(),
                   "a group names a GPU twice");
    ranks_per_node_ = std::max(ranks_per_node_, static_cast<int>(members.size()));
    std::vector<std::uint32_t>& rails = rails_.emplace_back();
    for (std::uint32_t gpu : members)
      if (rails.empty() || fabric.nic_of(rails.back()) != fabric.nic_of(gpu)) rails.push_back(gpu);
  }
}

/// Closed walks over every node's members: through a switch one is enough; a mesh has several.
void GroupGeometry::find_walks(const Fabric& fabric) {
  for (const std::vector<std::uint32_t>& members : nodes_) {
    auto& walks = walks_.emplace_back();
    const std::int64_t node = fabric.node_of(members.front());
    if (const auto grid = fabric.grid_of(node)) {
      const auto first = static_cast<std::uint32_t>(fabric.first_gpu_of(node));
      walks = walks_in_grid(*grid, first, members);
    } else if (members.size() >= 2 && members.size() <= 8) {
      const std::vector<std::vector<int>> links = direct_links(fabric, members);
      if (!links.empty()) {
        for (const std::vector<int>& ring : most_rings(links)) {
          auto& walk = walks.emplace_back();
          for (int index : ring) walk.push_back(members[static_cast<std::size_t>(index)]);
        }
      }
    }
    if (walks.empty()) walks.push_back(members);
  }
  // As many channels as use all walks, and all NICs of the node that has fewest, equally.
  std::size_t rails = std::numeric_limits<std::size_t>::max();
  for (const auto& of_node : rails_) rails = std::min(rails, of_node.size());
  num_rails_ = static_cast<int>(rails);
  std::size_t channels = nodes_.size() == 1 ? 1 : rails;
  for (const auto& walks : walks_) channels = std::lcm(channels, walks.size());
  if (channels > kMostChannels)
    throw Error(ErrorKind::kUnsupported,
                "a collective over nodes of " + std::to_string(rails) + " NICs and " +
                    std::to_string(walks_.front().size()) + " rings inside would need " +
                    std::to_string(channels) + " channels, more than " +
                    std::to_string(kMostChannels) +
                    "; give several NICs of a node as one with the sum of their rates");
  num_channels_ = static_cast<int>(channels);
}

std::vector<std::uint32_t> GroupGeometry::ring(int channel) const {
  const auto c = static_cast<std::size_t>(channel);
  std::vector<std::uint32_t> order;
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const std::vector<std::uint32_t>& walk = walks_[node][c % walks_[node].size()];
    const std::vector<std::uint32_t> part = rotated(walk, rails_[node][c % rails_[node].size()]);
    order.insert(order.end(), part.begin(), part.end());
  }
  return order;
}

std::size_t GroupGeometry::place_of_node(const Fabric& fabric, std::uint32_t gpu) const {
  for (std::size_t node = 0; node < nodes_.size(); ++node)
    if (fabric.node_of(nodes_[node].front()) == fabric.node_of(gpu)) return node;
  STEPCAST_CHECK(false, "a GPU that is not in the group");
}

void GroupGeometry::route(const Fabric& fabric, int channel, std::uint32_t from, std::uint32_t to,
                          bool on_rail_of_receiver, std::vector<LinkId>& path) const {
  const std::size_t source = place_of_node(fabric, from), target = place_of_node(fabric, to);
  if (source == target) return fabric.route(from, to, path);
  const auto c = static_cast<std::size_t>(channel);
  std::uint32_t out = rails_[source][c % rails_[source].size()];
  std::uint32_t in = rails_[target][c % rails_[target].size()];
  if (on_rail_of_receiver) {
    if (!has_pxn(fabric, from)) return fabric.route(from, to, path);
    const std::vector<std::uint32_t>& peers = nodes_[target];
    const auto index = std::find(peers.begin(), peers.end(), to) - peers.begin();
    out = nodes_[source][static_cast<std::size_t>(index) % nodes_[source].size()];
    in = to;
  }
  fabric.route(from, out, path);
  fabric.route(out, in, path);
  fabric.route(in, to, path);
}

void GroupGeometry::load_rings(const Fabric& fabric) {
  LinkCounter counter(fabric);
  const auto channels = static_cast<std::size_t>(num_channels_);
  std::vector<RingLatency> latencies(channels);
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    const std::size_t walks = walks_[node].size();
    for (std::size_t w = 0; w < std::min(walks, channels); ++w) {
      const std::vector<std::uint32_t>& walk = walks_[node][w];
      const std::size_t times = (channels - w + walks - 1) / walks;  // channels c = w, w + walks...
      RingLatency latency;
      if (walk.size() > 1)
        for (std::size_t i = 0; i < walk.size(); ++i)
          latency.add(counter.add_route(walk[i], walk[(i + 1) % walk.size()],
                                        static_cast<std::uint32_t>(times)));
      for (std::size_t c = w; c < channels; c += walks) latencies[c].add(latency);
    }
    if (nodes_.size() == 1) continue;
    const std::size_t next = (node + 1) % nodes_.size();
    for (std::size_t c = 0; c < channels; ++c)
      latencies[c].add(counter.add_route(rails_[node][c % rails_[node].size()],
                                         rails_[next][c % rails_[next].size()]));
  }
  for (const RingLatency& latency : latencies)
    ring_latency_ = std::max(ring_latency_, latency.without_fastest_hop());
  ring_links_ = counter.take();
  has_switch_ = std::any_of(ring_links_.begin(), ring_links_.end(),
                            [&](const LinkWeight& use) {
                              return fabric.links()[use.link].kind == LinkKind::kGpuUp;
                            }) &&
                std::none_of(ring_links_.begin(), ring_links_.end(), [&](const LinkWeight& use) {
                  return fabric.links()[use.link].kind == LinkKind::kHost;
                });
  intra_bandwidth_ = num_channels_ * least_share(fabric, ring_links_, false);
  inter_bandwidth_ = num_channels_ * least_share(fabric, ring_links_, true);
}

/// In-switch reduction passes a GPU's NVLink once each way, and the same trees between nodes.
void GroupGeometry::load_trees(const Fabric& fabric) {
  trees_ = find_tree_loads(
      fabric, {walks_, rails_, static_cast<std::uint32_t>(num_channels_), ring_links_});
  tree_links_ = std::exchange(trees_.halves, {});
  const bool whole = std::all_of(tree_links_.begin(), tree_links_.end(),
                                 [](const LinkWeight& use) { return use.weight % 2 == 0; });
  halves_per_tree_unit_ = whole ? 2 : 1;
  const auto halves = static_cast<std::uint32_t>(halves_per_tree_unit_);
  for (LinkWeight& use : tree_links_) use.weight /= halves;
  nvls_links_ =
      merged(scaled(fabric, ring_links_, 2 / halves, 0), scaled(fabric, tree_links_, 0, 1));
  std::erase_if(nvls_links_, [](const LinkWeight& use) { return use.weight == 0; });
}

/// The way of a rank's bytes to the root: down the chain of its node, then from node to node.
void GroupGeometry::find_tree_latency(const Fabric& fabric) {
  const auto blocks = static_cast<std::uint32_t>(nodes_.size());
  std::vector<LinkId> path;
  for (std::uint32_t tree = 0; tree < 2; ++tree) {
    const std::vector<std::uint32_t> parents = double_tree_parents(blocks, tree);
    std::vector<Seconds> to_parent(blocks);
    for (std::uint32_t block = 0; block < blocks; ++block) {
      if (parents[block] >= blocks) continue;
      path.clear();
      fabric.route(nodes_[block].front(), nodes_[parents[block]].front(), path);
      to_parent[block] = fabric.latency_of(path);
    }
    for (std::uint32_t block = 0; block < blocks; ++block) {
      Seconds sum = chain_latency(fabric, nodes_[block]);
      for (std::uint32_t at = block; at < blocks; at = parents[at]) sum += to_parent[at];
      tree_latency_ = std::max(tree_latency_, sum);
    }
  }
}

PairGeometry::PairGeometry(const Fabric& fabric, std::uint32_t from, std::uint32_t to)
    : same_node_(fabric.node_of(from) == fabric.node_of(to)) {
  LinkCounter counter(fabric);
  counter.add_route(from, to);
  links_ = counter.take();
  for (const LinkWeight& use : links_)
    latency_ += fabric.links()[use.link].latency * static_cast<double>(use.weight);
  bandwidth_ = std::min(least_share(fabric, links_, false), least_share(fabric, links_, true));
}

}  // namespace stepcast
