// Several data centres, each with a fabric of its own kind, and a WAN from gateway to gateway. A
// way between two data centres climbs to the gateway, takes the WAN links of least latency (of
// several ways the one of fewest links, then over the first data centre), and comes down again.
#include <algorithm>
#include <limits>

#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {
namespace {

/// The part of the nodes in use that stands in one data centre.
struct Site {
  std::string name;
  std::shared_ptr<const SwitchWiring> switches;
  std::int64_t first_node = 0, end_node = 0;
  std::int64_t first_group = 0;  ///< added to the groups of its switches' vertices
  LinkId first_link = 0;
};

/// From every data centre towards every other: the WAN link to take first.
class WanRoutes {
 public:
  explicit WanRoutes(const Topology& topology)
      : sites_(topology.data_centers.size()), ways_(sites_ * sites_) {
    for (std::size_t site = 0; site < sites_; ++site) way(site, site) = {0, 0, Wire::kNoLink};
    for (std::size_t i = 0; i < topology.wan.size(); ++i) {
      const auto a = static_cast<std::size_t>(topology.wan[i].a);
      const auto b = static_cast<std::size_t>(topology.wan[i].b);
      const double latency = topology.wan[i].latency.value();
      offer(way(a, b), {latency, 1, static_cast<LinkId>(2 * i)});
      offer(way(b, a), {latency, 1, static_cast<LinkId>(2 * i + 1)});
    }
    // Floyd (1962).
    for (std::size_t over = 0; over < sites_; ++over)
      for (std::size_t from = 0; from < sites_; ++from)
        for (std::size_t to = 0; to < sites_; ++to) {
          const Way &first = way(from, over), &rest = way(over, to);
          offer(way(from, to),
                {first.latency + rest.latency, first.links + rest.links, first.link});
        }
  }

  LinkId next(std::size_t from, std::size_t to) { return way(from, to).link; }

 private:
  struct Way {
    double latency = std::numeric_limits<double>::infinity();
    int links = 0;
    LinkId link = Wire::kNoLink;
  };
  Way& way(std::size_t from, std::size_t to) { return ways_[from * sites_ + to]; }
  static void offer(Way& known, const Way& other) {
    const bool better = other.latency < known.latency ||
                        (other.latency == known.latency && other.links < known.links);
    if (better) known = other;
  }

  std::size_t sites_;
  std::vector<Way> ways_;
};

// First the links of every site in turn, then 2i from wan[i].a to wan[i].b and 2i + 1 back.
class DataCentersWiring final : public SwitchWiring {
 public:
  DataCentersWiring(const Topology& topology, const Ports& ports) : wan_(topology.wan) {
    std::int64_t node = 0;
    for (const DataCenter& center : topology.data_centers) {
      Ports own = ports;
      own.nodes = std::min(center.num_nodes, ports.nodes - node);
      if (own.nodes <= 0) break;
      add_site(center, own, node);
      node += own.nodes;
    }
    STEPCAST_CHECK(node == ports.nodes, "nodes that stand in no data centre");
    for (const DataCenter& center : topology.data_centers) names_.push_back(center.name);
    WanRoutes routes(topology);
    const std::size_t all = topology.data_centers.size();
    for (std::size_t from = 0; from < all; ++from)
      for (std::size_t to = 0; to < all; ++to) next_.push_back(routes.next(from, to));
    num_centers_ = all;
  }

  Vertex switch_of(NicPort port) const override {
    const Site& site = site_of(port);
    return shifted(site.switches->switch_of(local(site, port)), site);
  }

  std::vector<Cable> cables() const override {
    std::vector<Cable> cables;
    for (const Site& site : sites_)
      for (Cable& cable : site.switches->cables()) {
        cable.from = shifted(cable.from, site);
        cable.to = shifted(cable.to, site);
        cables.push_back(std::move(cable));
      }
    for (const WanLink& wan : wan_) {
      const Link link{LinkKind::kWan, wan.bandwidth, wan.latency};
      cables.push_back({gateway_of(wan.a), gateway_of(wan.b), link});
      cables.push_back({gateway_of(wan.b), gateway_of(wan.a), link});
    }
    for (std::size_t i = 0; i < sites_.size(); ++i) {
      const Vertex gateway = gateway_of(static_cast<std::int64_t>(i));
      for (const Vertex& top : sites_[i].switches->gateways()) {
        cables.push_back({shifted(top, sites_[i]), gateway, {}});
        cables.push_back({gateway, shifted(top, sites_[i]), {}});
      }
    }
    return cables;
  }

  bool hashes() const override {
    return std::ranges::any_of(sites_, [](const Site& site) { return site.switches->hashes(); });
  }

  void route(NicPort from, NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    const Site &source = site_of(from), &target = site_of(to);
    if (&source == &target)
      return source.switches->route(local(source, from), local(source, to),
                                    base + source.first_link, path);
    source.switches->route_to_gateway(local(source, from), base + source.first_link, path);
    auto at = static_cast<std::size_t>(&source - sites_.data());
    const auto goal = static_cast<std::size_t>(&target - sites_.data());
    while (at != goal) {
      const LinkId link = next_[at * num_centers_ + goal];
      path.push_back(base + first_wan_link_ + link);
      at = static_cast<std::size_t>(link % 2 == 0 ? wan_[link / 2].b : wan_[link / 2].a);
    }
    target.switches->route_from_gateway(local(target, to), base + target.first_link, path);
  }

  /// "Oslo pod 0 leaf 3": pods count anew in every data centre.
  std::string switch_name(const Vertex& vertex) const override {
    if (vertex.kind == VertexKind::kGateway)
      return "gateway of " + names_[static_cast<std::size_t>(vertex.group)];
    const auto after = std::ranges::upper_bound(sites_, vertex.group, {}, &Site::first_group);
    const Site& site = *std::prev(after);
    Vertex own = vertex;
    own.group -= site.first_group;
    return site.name + " " + site.switches->switch_name(own);
  }

  std::int64_t data_center_of(std::int64_t node) const override {
    return &site_of({node, 0}) - sites_.data();
  }

 private:
  void add_site(const DataCenter& center, const Ports& ports, std::int64_t first_node) {
    Site site{.name = center.name,
              .switches = fabric_shape(center.fabric.kind).wire(center.fabric, ports),
              .first_node = first_node,
              .end_node = first_node + ports.nodes,
              .first_group = next_group_,
              .first_link = first_wan_link_};
    for (const Cable& cable : site.switches->cables()) {
      if (cable.link) ++first_wan_link_;
      next_group_ = std::max(next_group_, site.first_group + cable.from.group + 1);
    }
    next_group_ = std::max(next_group_, site.first_group + 1);
    sites_.push_back(std::move(site));
  }

  const Site& site_of(NicPort port) const {
    const auto after = std::ranges::upper_bound(sites_, port.node, {}, &Site::end_node);
    STEPCAST_CHECK(after != sites_.end(), "a node that stands in no data centre");
    return *after;
  }
  static NicPort local(const Site& site, NicPort port) {
    return {port.node - site.first_node, port.nic};
  }
  static Vertex shifted(Vertex vertex, const Site& site) {
    vertex.group += site.first_group;
    return vertex;
  }
  static Vertex gateway_of(std::int64_t center) { return {VertexKind::kGateway, center, 0}; }

  std::vector<std::string> names_;  ///< of all data centres, also those without nodes in use
  std::vector<WanLink> wan_;
  std::vector<Site> sites_;
  std::int64_t next_group_ = 0;
  LinkId first_wan_link_ = 0;
  std::size_t num_centers_ = 0;
  std::vector<LinkId> next_;  ///< by data centre and goal: the WAN link to take
};

}  // namespace

std::shared_ptr<const SwitchWiring> wire_data_centers(const Topology& topology,
                                                      const Ports& ports) {
  return std::make_shared<DataCentersWiring>(topology, ports);
}

}  // namespace stepcast
