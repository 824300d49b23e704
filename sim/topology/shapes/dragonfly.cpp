// A dragonfly [Kim, Dally, Scott and Abts 2008]: nodes on routers, the routers of a group all
// joined to each other, and every two groups joined by one bundle of global links. The bundle
// towards the k-th other group starts at router k mod routers. Minimal routing takes at most one
// local, one global and one local hop; Valiant's goes through a third group first, which the pair
// of NICs hashes to (ecmp.h), so that no two groups' traffic has to share one bundle. A full mesh
// of pods is a dragonfly with one router, the pod's switch, in every group.
#include <array>

#include "sim/topology/shapes/ecmp.h"

namespace stepcast {
namespace {

// First the local links: group by group, from every router to every other. Then the global ones,
// from every group to every other.
class DragonflyWiring final : public SwitchWiring {
 public:
  DragonflyWiring(const FabricSpec& fabric, const Ports& ports)
      : spec_(fabric),
        routers_(fabric.routers_per_group),
        groups_((ports.nodes + nodes_per_group() - 1) / nodes_per_group()) {}

  Vertex switch_of(NicPort port) const override { return vertex(router_of(port)); }

  std::vector<Cable> cables() const override {
    const Link local{LinkKind::kPeer, spec_.local_bandwidth, spec_.local_latency};
    const Link global{LinkKind::kPeer, spec_.global_bandwidth, spec_.global_latency};
    std::vector<Cable> cables;
    for (std::int64_t group = 0; group < groups_; ++group)
      for (std::int64_t from = 0; from < routers_; ++from)
        for (std::int64_t to = 0; to < routers_; ++to)
          if (from != to) cables.push_back({vertex({group, from}), vertex({group, to}), local});
    for (std::int64_t from = 0; from < groups_; ++from)
      for (std::int64_t to = 0; to < groups_; ++to)
        if (from != to) cables.push_back({vertex(door(from, to)), vertex(door(to, from)), global});
    return cables;
  }

  bool hashes() const override { return spec_.valiant; }

  void route(NicPort from, NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    Router at = router_of(from);
    const Router goal = router_of(to);
    if (spec_.valiant && at.group != goal.group) {
      const auto over =
          static_cast<std::int64_t>(ecmp_hash(from, to) % static_cast<std::uint64_t>(groups_));
      if (over != at.group && over != goal.group) at = enter(at, over, base, path);
    }
    go(at, goal, base, path);
  }

  std::vector<Vertex> gateways() const override { return {vertex({0, 0})}; }
  void route_to_gateway(NicPort from, LinkId base, std::vector<LinkId>& path) const override {
    go(router_of(from), {0, 0}, base, path);
  }
  void route_from_gateway(NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    go({0, 0}, router_of(to), base, path);
  }

 private:
  struct Router {
    std::int64_t group = 0, index = 0;
  };

  std::int64_t nodes_per_group() const { return routers_ * spec_.nodes_per_router; }
  Router router_of(NicPort port) const {
    return {port.node / nodes_per_group(), port.node % nodes_per_group() / spec_.nodes_per_router};
  }
  static Vertex vertex(Router router) { return {VertexKind::kLeaf, router.group, router.index}; }
  /// Place of `other` among all but `self`.
  static std::int64_t rank_without(std::int64_t self, std::int64_t other) {
    return other > self ? other - 1 : other;
  }
  /// The router of `group` that has the bundle to `other`.
  Router door(std::int64_t group, std::int64_t other) const {
    return {group, rank_without(group, other) % routers_};
  }

  /// Inside a group.
  void step(Router from, std::int64_t to, LinkId base, std::vector<LinkId>& path) const {
    if (from.index == to) return;
    const std::int64_t first = (from.group * routers_ + from.index) * (routers_ - 1);
    path.push_back(base + static_cast<LinkId>(first + rank_without(from.index, to)));
  }
  /// To another group; returns the router on the other side.
  Router enter(Router from, std::int64_t group, LinkId base, std::vector<LinkId>& path) const {
    step(from, door(from.group, group).index, base, path);
    const std::int64_t first = groups_ * routers_ * (routers_ - 1) + from.group * (groups_ - 1);
    path.push_back(base + static_cast<LinkId>(first + rank_without(from.group, group)));
    return door(group, from.group);
  }
  void go(Router from, Router to, LinkId base, std::vector<LinkId>& path) const {
    if (from.group != to.group) from = enter(from, to.group, base, path);
    step(from, to.index, base, path);
  }

  FabricSpec spec_;
  std::int64_t routers_;
  std::int64_t groups_;
};

}  // namespace

void read_dragonfly(Fields& fields, Problems& problems, FabricSpec& fabric) {
  fabric.nodes_per_router = fields.integer("nodes_per_router", {.min = 1, .max = 65'536});
  fabric.routers_per_group = fields.integer("routers_per_group", {.min = 2, .max = 1024});
  fabric.local_bandwidth = read_rate(fields, "local_bandwidth", problems);
  fabric.global_bandwidth = read_rate(fields, "global_bandwidth", problems);
  fabric.local_latency = read_latency(fields, "local_latency");
  fabric.global_latency = read_latency(fields, "global_latency");
  constexpr std::array<std::string_view, 2> kRoutings = {"minimal", "valiant"};
  fabric.valiant = fields.choice("routing", kRoutings, 0) == 1;
}

std::shared_ptr<const SwitchWiring> wire_dragonfly(const FabricSpec& fabric, const Ports& ports) {
  return std::make_shared<DragonflyWiring>(fabric, ports);
}

void read_full_mesh(Fields& fields, Problems& problems, FabricSpec& fabric) {
  fabric.nodes_per_router = fields.integer("nodes_per_pod", {.min = 1, .max = 65'536});
  fabric.routers_per_group = 1;
  fabric.global_bandwidth = read_rate(fields, "pod_bandwidth", problems);
  fabric.global_latency = read_latency(fields, "pod_latency");
}

}  // namespace stepcast
