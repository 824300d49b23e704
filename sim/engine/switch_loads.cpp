#include "sim/engine/switch_loads.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stepcast {
namespace {

bool leads_up(LinkKind kind) {
  return kind == LinkKind::kNicUp || kind == LinkKind::kLeafUp || kind == LinkKind::kSpineUp;
}

bool leads_down(LinkKind kind) {
  return kind == LinkKind::kNicDown || kind == LinkKind::kLeafDown || kind == LinkKind::kSpineDown;
}

/// Which links between switches lie side by side: a tree takes one of them. Without entries every
/// link is the only one of its switch, as where traffic is sprayed.
std::map<LinkId, Vertex> lower_ends(const Fabric& fabric) {
  std::map<LinkId, Vertex> ends;
  if (fabric.spreads_evenly()) return ends;
  for (const Wire& wire : fabric.wires()) {
    if (wire.link == Wire::kNoLink) continue;
    const LinkKind kind = fabric.links()[wire.link].kind;
    if (leads_up(kind)) ends[wire.link] = wire.from;
    if (leads_down(kind)) ends[wire.link] = wire.to;
  }
  return ends;
}

/// The tree of one channel: the links of the ways between the first node and every other, each
/// once.
class ChannelTree {
 public:
  /// `below`: the link's lower end where several lead up from there side by side. Returns false
  /// when the link belongs to no tree.
  bool add(LinkId link, LinkKind kind, const Vertex* below) {
    const bool up = leads_up(kind);
    if (!up && !leads_down(kind)) return false;
    if (!seen_.insert(link).second) return true;
    if (below == nullptr || taken_[up].insert(*below).second) links_[up].push_back(link);
    return true;
  }
  const std::vector<LinkId>& links(bool up) const { return links_[up]; }

 private:
  std::set<LinkId> seen_;
  std::vector<LinkId> links_[2];  // down, up
  std::set<Vertex> taken_[2];
};

/// By channel; nothing when the switches form no tree.
std::optional<std::vector<ChannelTree>> trees_of(const Fabric& fabric, const GroupGeometry& group) {
  const std::map<LinkId, Vertex> ends = lower_ends(fabric);
  std::vector<ChannelTree> trees(static_cast<std::size_t>(group.num_channels()));
  std::vector<LinkId> path;
  for (int channel = 0; channel < group.num_channels(); ++channel)
    for (int node = 1; node < group.num_nodes(); ++node) {
      path.clear();
      fabric.route(group.rail(0, channel), group.rail(node, channel), path);
      fabric.route(group.rail(node, channel), group.rail(0, channel), path);
      for (const LinkId link : path) {
        const auto end = ends.find(link);
        const Vertex* below = end == ends.end() ? nullptr : &end->second;
        if (!trees[static_cast<std::size_t>(channel)].add(link, fabric.links()[link].kind, below))
          return std::nullopt;
      }
    }
  return trees;
}

std::string refusal_of(const GroupGeometry& group, CollectiveKind kind) {
  if (kind != CollectiveKind::kAllReduce && kind != CollectiveKind::kAllGather &&
      kind != CollectiveKind::kReduceScatter)
    return "switches do all_reduce, all_gather and reduce_scatter";
  if (group.num_nodes() < 2) return "it is for several nodes";
  if (group.ranks_per_node() > 1 && !group.has_switch())
    return "it wants an NVSwitch in every node, or nodes of one GPU";
  return "";
}

}  // namespace

ScheduleLoads find_switch_loads(const Fabric& fabric, const GroupGeometry& group,
                                ScheduledWay way) {
  ScheduleLoads loads;
  loads.way = way;
  if (group.num_ranks() == 1) return loads;
  loads.refusal = refusal_of(group, way.kind);
  if (!loads.refusal.empty()) return loads;
  const auto trees = trees_of(fabric, group);
  if (!trees) {
    loads.refusal = "its switches form no tree: it wants a single switch, a fat tree or rails";
    return loads;
  }
  LinkCounter counter(fabric);
  for (const ChannelTree& tree : *trees)
    for (const bool up : {true, false})
      if (way.kind != (up ? CollectiveKind::kAllGather : CollectiveKind::kReduceScatter))
        counter.add_path(tree.links(up), 1);
  loads.links = counter.take();
  for (const LinkWeight& use : group.ring_links())
    if (!is_inter_node(fabric.links()[use.link].kind)) loads.links.push_back(use);
  std::sort(loads.links.begin(), loads.links.end(),
            [](const LinkWeight& a, const LinkWeight& b) { return a.link < b.link; });
  loads.chunks = static_cast<std::uint32_t>(group.num_channels());
  loads.chunks_per_unit = 1;
  loads.intra_rate = least_share(fabric, loads.links, false);
  loads.inter_rate = least_share(fabric, loads.links, true);
  return loads;
}

}  // namespace stepcast
