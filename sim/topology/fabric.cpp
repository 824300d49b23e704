// The shapes put together: numbers for the links of all nodes and switches, and routes over them.
#include "sim/topology/fabric.h"

#include <algorithm>

#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {
namespace {

/// Numbers cables from `first` on, in their order.
std::vector<Wire> laid(const std::vector<Cable>& cables, std::int64_t group, LinkId first) {
  std::vector<Wire> wires;
  wires.reserve(cables.size());
  for (const Cable& cable : cables) {
    wires.push_back({cable.from, cable.to, cable.link ? first++ : Wire::kNoLink});
    wires.back().from.group += group;
    wires.back().to.group += group;
  }
  return wires;
}

void append_links(const std::vector<Cable>& cables, std::vector<Link>& links) {
  for (const Cable& cable : cables)
    if (cable.link) links.push_back(*cable.link);
}

/// SimGrid aborts on a bad capacity, or believes it: none may get through.
void check_capacities(const std::vector<Link>& links) {
  for (const Link& link : links)
    STEPCAST_CHECK(link.capacity.value() > 0 && link.capacity.value() < 1e18,
                   "a topology that was not read by read_topology() has a link without capacity");
}

void require_gpus(const Topology& topology, std::int64_t num_gpus) {
  if (num_gpus >= 1 && num_gpus <= topology.num_gpus()) return;
  throw Error(ErrorKind::kInfeasible, "num_gpus = " + std::to_string(num_gpus) + " must be 1 to " +
                                          std::to_string(topology.num_gpus()) + ": topology \"" +
                                          topology.name + "\" has " +
                                          std::to_string(topology.num_nodes) + " nodes of " +
                                          std::to_string(topology.node.gpus) +
                                          " GPUs; use fewer GPUs or raise its num_nodes");
}

}  // namespace

std::string name_of(const Vertex& vertex) {
  const std::string group = std::to_string(vertex.group);
  const std::string index = std::to_string(vertex.index);
  switch (vertex.kind) {
    case VertexKind::kGpu:
      return "node " + group + " gpu " + index;
    case VertexKind::kNodeSwitch:
      return "node " + group + " switch " + index;
    case VertexKind::kNic:
      return "node " + group + " nic " + index;
    case VertexKind::kLeaf:
      return "pod " + group + " leaf " + index;
    case VertexKind::kCore:
      return "core";
  }
  return "";
}

std::string_view name_of(LinkKind kind) {
  switch (kind) {
    case LinkKind::kGpuUp:
      return "gpu_up";
    case LinkKind::kGpuDown:
      return "gpu_down";
    case LinkKind::kMesh:
      return "mesh";
    case LinkKind::kHost:
      return "host";
    case LinkKind::kNicUp:
      return "nic_up";
    case LinkKind::kNicDown:
      return "nic_down";
    case LinkKind::kLeafUp:
      return "leaf_up";
    case LinkKind::kLeafDown:
      return "leaf_down";
  }
  return "";
}

Fabric::Fabric(const Topology& topology, std::int64_t num_gpus)
    : node_(topology.node),
      num_gpus_(num_gpus),
      num_nodes_((num_gpus + topology.node.gpus - 1) / topology.node.gpus),
      wiring_(node_shape(topology.node.intra).wire(topology.node)),
      switches_(fabric_shape(topology.fabric.kind).wire(topology.fabric, topology.node)) {
  require_gpus(topology, num_gpus);
  STEPCAST_CHECK(num_nodes_ == 1 || node_.nics > 0, "several nodes, but no NICs to join them");

  std::vector<Link> of_node;
  append_links(wiring_->cables(), of_node);
  first_nic_link_ = static_cast<LinkId>(of_node.size());
  for (std::int64_t nic = 0; nic < node_.nics; ++nic) {
    of_node.push_back({LinkKind::kNicUp, node_.nic_bandwidth});
    of_node.push_back({LinkKind::kNicDown, node_.nic_bandwidth});
  }
  check_capacities(of_node);
  links_per_node_ = static_cast<LinkId>(of_node.size());
  first_switch_link_ = base_of(num_nodes_);

  const std::vector<Cable> between = switches_->cables(num_nodes_);
  links_.reserve(first_switch_link_ + between.size());
  for (std::int64_t node = 0; node < num_nodes_; ++node)
    links_.insert(links_.end(), of_node.begin(), of_node.end());
  append_links(between, links_);
}

std::int64_t Fabric::nic_of(std::int64_t gpu) const {
  return stepcast::nic_of(node_, gpu % node_.gpus);
}

void Fabric::route(std::int64_t from, std::int64_t to, std::vector<LinkId>& path) const {
  if (from == to) return;
  if (node_of(from) == node_of(to))
    wiring_->route(from % node_.gpus, to % node_.gpus, base_of(node_of(from)), path);
  else
    route_between_nodes(from, nic_of(from), to, nic_of(to), path);
}

void Fabric::route_on_rail(std::int64_t from, std::int64_t to, std::int64_t rail,
                           std::vector<LinkId>& path) const {
  if (node_of(from) == node_of(to)) return route(from, to, path);
  STEPCAST_CHECK(rail >= 0 && rail < node_.nics, "no such NIC: " + std::to_string(rail));
  route_between_nodes(from, rail, to, rail, path);
}

void Fabric::route_between_nodes(std::int64_t from, std::int64_t from_nic, std::int64_t to,
                                 std::int64_t to_nic, std::vector<LinkId>& path) const {
  const LinkId from_base = base_of(node_of(from));
  const LinkId to_base = base_of(node_of(to));
  wiring_->route_to_nic(from % node_.gpus, from_nic, from_base, path);
  path.push_back(from_base + first_nic_link_ + static_cast<LinkId>(2 * from_nic));
  switches_->route({node_of(from), from_nic}, {node_of(to), to_nic}, first_switch_link_, path);
  path.push_back(to_base + first_nic_link_ + static_cast<LinkId>(2 * to_nic + 1));
  wiring_->route_from_nic(to_nic, to % node_.gpus, to_base, path);
}

std::vector<Wire> Fabric::wires_of_node(std::int64_t node) const {
  std::vector<Wire> wires = laid(wiring_->cables(), node, base_of(node));
  for (std::int64_t nic = 0; nic < node_.nics; ++nic) {
    const Vertex here{VertexKind::kNic, node, nic};
    const Vertex outside = switches_->switch_of({node, nic});
    const LinkId up = base_of(node) + first_nic_link_ + static_cast<LinkId>(2 * nic);
    wires.push_back({here, outside, up});
    wires.push_back({outside, here, up + 1});
  }
  return wires;
}

std::vector<Wire> Fabric::wires_between_switches() const {
  return laid(switches_->cables(num_nodes_), 0, first_switch_link_);
}

std::vector<Wire> Fabric::wires() const {
  std::vector<Wire> wires;
  for (std::int64_t node = 0; node < num_nodes_; ++node) {
    const std::vector<Wire> of_node = wires_of_node(node);
    wires.insert(wires.end(), of_node.begin(), of_node.end());
  }
  const std::vector<Wire> between = wires_between_switches();
  wires.insert(wires.end(), between.begin(), between.end());
  return wires;
}

std::string Fabric::link_name(LinkId link) const {
  STEPCAST_CHECK(link < links_.size(), "no such link: " + std::to_string(link));
  const std::vector<Wire> wires =
      link < first_switch_link_ ? wires_of_node(link / links_per_node_) : wires_between_switches();
  const auto wire = std::ranges::find(wires, link, &Wire::link);
  STEPCAST_CHECK(wire != wires.end(), "link " + std::to_string(link) + " stands in no wire");
  return name_of(wire->from) + " -> " + name_of(wire->to);
}

}  // namespace stepcast
