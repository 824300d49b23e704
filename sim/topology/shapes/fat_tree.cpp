// A fat tree of two or three levels: all NICs of `nodes_per_leaf` nodes on a leaf switch, leaves on
// spines, and with three levels pods of leaves with spines of their own under core switches. Every
// switch but those at the top has `uplinks` uplinks to as many switches, and a pair of NICs hashes
// to one of them at each level (ecmp.h). Where packets are sprayed instead, all uplinks of a switch
// are one link to one switch above. Al-Fares, Loukissas and Vahdat (2008), with oversubscription.
#include <array>

#include "sim/topology/shapes/ecmp.h"

namespace stepcast {
namespace {

// Link 2 (leaf * uplinks + i) leads from a leaf to its spine i, the next one back. Then, with three
// levels, 2 ((pod * uplinks + i) * uplinks + j) leads from spine i of a pod to core (i, j).
class FatTreeWiring final : public SwitchWiring {
 public:
  FatTreeWiring(const FabricSpec& fabric, const Ports& ports)
      : nodes_per_leaf_(fabric.nodes_per_leaf),
        leaves_per_pod_(fabric.leaves_per_pod),
        uplinks_(fabric.uplinks == 0 ? 1 : fabric.uplinks),
        leaves_((ports.nodes + fabric.nodes_per_leaf - 1) / fabric.nodes_per_leaf) {
    const double ways = static_cast<double>(uplinks_);
    const BytesPerSec into_leaf =
        ports.nic_bandwidth * static_cast<double>(fabric.nodes_per_leaf * ports.nics);
    leaf_uplink_ = into_leaf / (fabric.oversubscription * ways);
    spine_uplink_ = leaf_uplink_ * (static_cast<double>(fabric.leaves_per_pod) /
                                    (fabric.spine_oversubscription * ways));
    pods_ = leaves_per_pod_ == 0 ? 0 : (leaves_ + leaves_per_pod_ - 1) / leaves_per_pod_;
  }

  Vertex switch_of(NicPort port) const override { return leaf_vertex(leaf_of(port)); }

  std::vector<Cable> cables() const override {
    std::vector<Cable> cables;
    const auto join = [&](Vertex low, Vertex high, Link up, Link down) {
      cables.push_back({low, high, up});
      cables.push_back({high, low, down});
    };
    for (std::int64_t leaf = 0; leaf < leaves_; ++leaf)
      for (std::int64_t i = 0; i < uplinks_; ++i)
        join(leaf_vertex(leaf), above_leaf(leaf, i), {LinkKind::kLeafUp, leaf_uplink_},
             {LinkKind::kLeafDown, leaf_uplink_});
    for (std::int64_t pod = 0; pod < pods_; ++pod)
      for (std::int64_t i = 0; i < uplinks_; ++i)
        for (std::int64_t j = 0; j < uplinks_; ++j)
          join({VertexKind::kSpine, pod, i}, {VertexKind::kCore, i, j},
               {LinkKind::kSpineUp, spine_uplink_}, {LinkKind::kSpineDown, spine_uplink_});
    return cables;
  }

  bool hashes() const override { return uplinks_ > 1 && leaves_ > 1; }

  void route(NicPort from, NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    if (leaf_of(from) == leaf_of(to)) return;
    const std::uint64_t hash = ecmp_hash(from, to);
    const bool over_core = pods_ > 0 && pod_of(from) != pod_of(to);
    climb(from, hash, over_core, base, path);
    descend(to, hash, over_core, base, path);
  }

  std::vector<Vertex> gateways() const override {
    std::vector<Vertex> top;
    for (std::int64_t i = 0; i < (pods_ > 0 ? uplinks_ : 1); ++i)
      for (std::int64_t j = 0; j < uplinks_; ++j) top.push_back({VertexKind::kCore, i, j});
    return top;
  }
  void route_to_gateway(NicPort from, LinkId base, std::vector<LinkId>& path) const override {
    climb(from, ecmp_hash(from, from), pods_ > 0, base, path);
  }
  void route_from_gateway(NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    descend(to, ecmp_hash(to, to), pods_ > 0, base, path);
  }

 private:
  std::int64_t leaf_of(NicPort port) const { return port.node / nodes_per_leaf_; }
  std::int64_t pod_of(NicPort port) const { return leaf_of(port) / leaves_per_pod_; }
  Vertex leaf_vertex(std::int64_t leaf) const {
    if (pods_ == 0) return {VertexKind::kLeaf, 0, leaf};
    return {VertexKind::kLeaf, leaf / leaves_per_pod_, leaf % leaves_per_pod_};
  }
  Vertex above_leaf(std::int64_t leaf, std::int64_t i) const {
    if (pods_ == 0) return {VertexKind::kCore, 0, i};
    return {VertexKind::kSpine, leaf / leaves_per_pod_, i};
  }

  std::int64_t spine_choice(std::uint64_t hash) const {
    return static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(uplinks_));
  }
  std::int64_t core_choice(std::uint64_t hash) const {
    return spine_choice(hash / static_cast<std::uint64_t>(uplinks_));
  }
  LinkId leaf_link(NicPort port, std::uint64_t hash) const {
    return static_cast<LinkId>(2 * (leaf_of(port) * uplinks_ + spine_choice(hash)));
  }
  LinkId spine_link(NicPort port, std::uint64_t hash) const {
    const std::int64_t spine = pod_of(port) * uplinks_ + spine_choice(hash);
    return static_cast<LinkId>(2 * (leaves_ * uplinks_ + spine * uplinks_ + core_choice(hash)));
  }
  void climb(NicPort from, std::uint64_t hash, bool over_core, LinkId base,
             std::vector<LinkId>& path) const {
    path.push_back(base + leaf_link(from, hash));
    if (over_core) path.push_back(base + spine_link(from, hash));
  }
  void descend(NicPort to, std::uint64_t hash, bool over_core, LinkId base,
               std::vector<LinkId>& path) const {
    if (over_core) path.push_back(base + spine_link(to, hash) + 1);
    path.push_back(base + leaf_link(to, hash) + 1);
  }

  std::int64_t nodes_per_leaf_;
  std::int64_t leaves_per_pod_;  ///< 0: two levels
  std::int64_t uplinks_;
  std::int64_t leaves_;
  std::int64_t pods_ = 0;
  BytesPerSec leaf_uplink_, spine_uplink_;  ///< of one uplink
};

}  // namespace

void read_fat_tree(Fields& fields, Problems&, FabricSpec& fabric) {
  constexpr NumberRange kOversubscription{.min = 0.01, .max = 1000};
  fabric.nodes_per_leaf = fields.integer("nodes_per_leaf", {.min = 1, .max = 65'536});
  fabric.oversubscription = fields.number("oversubscription", kOversubscription, 1.0);
  fabric.leaves_per_pod = fields.integer("leaves_per_pod", {.min = 1, .max = 65'536}, 0);
  if (fabric.leaves_per_pod > 0)
    fabric.spine_oversubscription = fields.number("spine_oversubscription", kOversubscription, 1.0);
  constexpr std::array<std::string_view, 2> kRoutings = {"sprayed", "hashed"};
  if (fields.choice("routing", kRoutings, 0) == 1)
    fabric.uplinks = fields.integer("uplinks", {.min = 1, .max = 256});
}

std::shared_ptr<const SwitchWiring> wire_fat_tree(const FabricSpec& fabric, const Ports& ports) {
  return std::make_shared<FatTreeWiring>(fabric, ports);
}

}  // namespace stepcast
