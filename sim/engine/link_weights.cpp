#include "sim/engine/link_weights.h"

#include <algorithm>
#include <limits>

namespace stepcast {

bool is_inter_node(LinkKind kind) {
  switch (kind) {
    case LinkKind::kGpuUp:
    case LinkKind::kGpuDown:
    case LinkKind::kMesh:
    case LinkKind::kBoardUp:
    case LinkKind::kBoardDown:
    case LinkKind::kHost:
      return false;
    case LinkKind::kNicUp:
    case LinkKind::kNicDown:
    case LinkKind::kLeafUp:
    case LinkKind::kLeafDown:
    case LinkKind::kSpineUp:
    case LinkKind::kSpineDown:
    case LinkKind::kPeer:
    case LinkKind::kWan:
      return true;
  }
  return false;
}

Seconds LinkCounter::add_route(std::uint32_t from, std::uint32_t to, std::uint32_t times) {
  path_.clear();
  fabric_.route(from, to, path_);
  add_path(path_, times);
  return fabric_.latency_of(path_);
}

void LinkCounter::add_path(std::span<const LinkId> path, std::uint32_t times) {
  for (LinkId link : path) uses_.push_back({link, times});
}

LinkWeights LinkCounter::take() {
  // Few uses are sorted, many are counted in a table of all links.
  LinkWeights weights = uses_.size() * 8 < fabric_.links().size() ? sorted() : counted();
  uses_.clear();
  return weights;
}

LinkWeights LinkCounter::sorted() {
  std::sort(uses_.begin(), uses_.end(),
            [](const LinkWeight& a, const LinkWeight& b) { return a.link < b.link; });
  LinkWeights weights;
  for (const LinkWeight& use : uses_) {
    if (weights.empty() || weights.back().link != use.link) weights.push_back({use.link, 0});
    weights.back().weight += use.weight;
  }
  return weights;
}

LinkWeights LinkCounter::counted() const {
  std::vector<std::uint32_t> table(fabric_.links().size(), 0);
  for (const LinkWeight& use : uses_) table[use.link] += use.weight;
  LinkWeights weights;
  for (LinkId link = 0; link < table.size(); ++link)
    if (table[link] > 0) weights.push_back({link, table[link]});
  return weights;
}

double least_share(const Fabric& fabric, const LinkWeights& weights, bool inter_node) {
  double least = std::numeric_limits<double>::infinity();
  for (const LinkWeight& use : weights) {
    const Link& link = fabric.links()[use.link];
    if (is_inter_node(link.kind) == inter_node)
      least = std::min(least, link.capacity.value() / use.weight);
  }
  return least;
}

LinkWeights scaled(const Fabric& fabric, LinkWeights weights, std::uint32_t intra,
                   std::uint32_t inter) {
  for (LinkWeight& use : weights)
    use.weight *= is_inter_node(fabric.links()[use.link].kind) ? inter : intra;
  return weights;
}

LinkWeights merged(const LinkWeights& a, const LinkWeights& b) {
  LinkWeights all(a);
  all.insert(all.end(), b.begin(), b.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const LinkWeight& x, const LinkWeight& y) { return x.link < y.link; });
  LinkWeights sum;
  for (const LinkWeight& use : all) {
    if (sum.empty() || sum.back().link != use.link) sum.push_back({use.link, 0});
    sum.back().weight += use.weight;
  }
  return sum;
}

LinkWeights averaged(LinkWeights weights, std::size_t rounds) {
  for (LinkWeight& use : weights)
    use.weight = static_cast<std::uint32_t>((use.weight + rounds - 1) / rounds);
  return weights;
}

}  // namespace stepcast
