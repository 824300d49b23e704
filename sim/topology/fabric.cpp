// The shapes put together: numbers for the links of all nodes and switches, and routes over them.
#include "sim/topology/fabric.h"

#include <algorithm>

#include "sim/base/plain_text.h"
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

/// SimGrid aborts on bad numbers, or believes them: none may get through.
void check_links(const std::vector<Link>& links) {
  for (const Link& link : links)
    STEPCAST_CHECK(link.capacity.value() > 0 && link.capacity.value() < 1e18 &&
                       link.latency.value() >= 0 && link.latency.value() < 1e3,
                   "a topology that was not read by read_topology() has a link without capacity");
}

void require_gpus(const Topology& topology, std::int64_t num_gpus) {
  if (num_gpus >= 1 && num_gpus <= topology.num_gpus()) return;
  const std::string nodes =
      topology.node_groups.empty()
          ? counted(topology.num_nodes, "node") + " of " + counted(topology.node.gpus, "GPU") +
                "; use fewer GPUs or raise its num_nodes"
          : counted(topology.num_gpus(), "GPU") + " in all its node_groups; use fewer";
  throw Error(ErrorKind::kInfeasible, "num_gpus = " + std::to_string(num_gpus) + " must be 1 to " +
                                          std::to_string(topology.num_gpus()) + ": topology \"" +
                                          topology.name + "\" has " + nodes);
}

/// NICs as the switches between nodes see them.
Ports ports_of(const std::vector<NodeGroup>& groups, std::int64_t num_nodes) {
  Ports ports{.nodes = num_nodes};
  for (const NodeGroup& group : groups) {
    ports.nics = std::max(ports.nics, group.node.nics);
    ports.nic_bandwidth = std::max(ports.nic_bandwidth, group.node.nic_bandwidth);
  }
  return ports;
}

/// The node's own links, then up and down of every NIC.
std::vector<Link> links_of_node(const Node& node, const NodeWiring& wiring) {
  std::vector<Link> links;
  append_links(wiring.cables(), links);
  for (std::int64_t nic = 0; nic < node.nics; ++nic) {
    links.push_back({LinkKind::kNicUp, node.nic_bandwidth});
    links.push_back({LinkKind::kNicDown, node.nic_bandwidth});
  }
  return links;
}

}  // namespace

Fabric::Fabric(const Topology& topology, std::int64_t num_gpus) : num_gpus_(num_gpus) {
  require_gpus(topology, num_gpus);
  add_runs(topology);
  add_links_of_nodes();
  const Ports ports = ports_of(topology.all_groups(), num_nodes_);
  switches_ = topology.data_centers.empty()
                  ? fabric_shape(topology.fabric.kind).wire(topology.fabric, ports)
                  : wire_data_centers(topology, ports);
  spreads_evenly_ = topology.data_centers.empty() && topology.node_groups.empty() &&
                    (topology.fabric.kind == FabricKind::kSingleSwitch ||
                     topology.fabric.kind == FabricKind::kRailOptimized);
  hashes_ = num_nodes_ > 1 && switches_->hashes();
  if (num_nodes_ > 1) append_links(switches_->cables(), links_);
  check_links(links_);
  has_latency_ =
      std::ranges::any_of(links_, [](const Link& link) { return link.latency.value() > 0; });
}

void Fabric::add_runs(const Topology& topology) {
  std::int64_t gpus = 0;
  for (const NodeGroup& group : topology.groups_for(num_gpus_)) {
    NodeRun& run = runs_.emplace_back();
    run.node = group.node;
    run.wiring = node_shape(group.node.intra).wire(group.node);
    run.first_node = num_nodes_;
    run.first_gpu = gpus;
    num_nodes_ += group.num_nodes;
    gpus += group.num_nodes * group.node.gpus;
    most_gpus_per_node_ = std::max(most_gpus_per_node_, group.node.gpus);
  }
}

void Fabric::add_links_of_nodes() {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    NodeRun& run = runs_[i];
    STEPCAST_CHECK(num_nodes_ == 1 || run.node.nics > 0, "several nodes, but no NICs to join them");
    const std::vector<Link> of_node = links_of_node(run.node, *run.wiring);
    run.first_link = static_cast<LinkId>(links_.size());
    run.links_per_node = static_cast<LinkId>(of_node.size());
    run.first_nic_link = run.links_per_node - static_cast<LinkId>(2 * run.node.nics);
    const std::int64_t end = i + 1 < runs_.size() ? runs_[i + 1].first_node : num_nodes_;
    links_.reserve(links_.size() + of_node.size() * static_cast<std::size_t>(end - run.first_node));
    for (std::int64_t node = run.first_node; node < end; ++node)
      links_.insert(links_.end(), of_node.begin(), of_node.end());
  }
  first_switch_link_ = static_cast<LinkId>(links_.size());
}

std::size_t Fabric::run_of_node(std::int64_t node) const {
  std::size_t run = runs_.size() - 1;
  while (runs_[run].first_node > node) --run;
  return run;
}

Fabric::Place Fabric::place_of_node(std::int64_t node) const {
  const NodeRun& run = runs_[run_of_node(node)];
  const std::int64_t index = node - run.first_node;
  return {run, node, run.first_gpu + index * run.node.gpus,
          run.first_link + static_cast<LinkId>(index) * run.links_per_node};
}

Fabric::Place Fabric::place_of_gpu(std::int64_t gpu) const { return place_of_node(node_of(gpu)); }

std::int64_t Fabric::node_of(std::int64_t gpu) const {
  std::size_t run = runs_.size() - 1;
  while (runs_[run].first_gpu > gpu) --run;
  return runs_[run].first_node + (gpu - runs_[run].first_gpu) / runs_[run].node.gpus;
}

std::int64_t Fabric::first_gpu_of(std::int64_t node) const { return place_of_node(node).first_gpu; }

std::optional<Grid> Fabric::grid_of(std::int64_t node) const {
  return runs_[run_of_node(node)].wiring->grid();
}

std::int64_t Fabric::data_center_of(std::int64_t node) const {
  return switches_->data_center_of(node);
}

std::int64_t Fabric::nic_of(std::int64_t gpu) const {
  const Place place = place_of_gpu(gpu);
  return stepcast::nic_of(place.run.node, gpu - place.first_gpu);
}

Seconds Fabric::latency_of(std::span<const LinkId> path) const {
  Seconds sum{};
  if (has_latency_)
    for (LinkId link : path) sum += links_[link].latency;
  return sum;
}

void Fabric::route(std::int64_t from, std::int64_t to, std::vector<LinkId>& path) const {
  if (from == to) return;
  const Place source = place_of_gpu(from);
  if (source.node != node_of(to))
    return route_between_nodes(from, nic_of(from), to, nic_of(to), path);
  source.run.wiring->route(from - source.first_gpu, to - source.first_gpu, source.base, path);
}

void Fabric::route_on_rail(std::int64_t from, std::int64_t to, std::int64_t rail,
                           std::vector<LinkId>& path) const {
  if (node_of(from) == node_of(to)) return route(from, to, path);
  STEPCAST_CHECK(rail >= 0 && rail < node(node_of(from)).nics && rail < node(node_of(to)).nics,
                 "no such NIC: " + std::to_string(rail));
  route_between_nodes(from, rail, to, rail, path);
}

void Fabric::route_between_nodes(std::int64_t from, std::int64_t from_nic, std::int64_t to,
                                 std::int64_t to_nic, std::vector<LinkId>& path) const {
  const Place source = place_of_gpu(from), target = place_of_gpu(to);
  if (!switches_->joins({source.node, from_nic}, {target.node, to_nic}))
    from_nic = to_nic = to_nic < source.run.node.nics ? to_nic : from_nic;
  source.run.wiring->route_to_nic(from - source.first_gpu, from_nic, source.base, path);
  path.push_back(source.base + source.run.first_nic_link + static_cast<LinkId>(2 * from_nic));
  switches_->route({source.node, from_nic}, {target.node, to_nic}, first_switch_link_, path);
  path.push_back(target.base + target.run.first_nic_link + static_cast<LinkId>(2 * to_nic + 1));
  target.run.wiring->route_from_nic(to_nic, to - target.first_gpu, target.base, path);
}

std::vector<Wire> Fabric::wires_of_node(std::int64_t node) const {
  const Place place = place_of_node(node);
  std::vector<Wire> wires = laid(place.run.wiring->cables(), node, place.base);
  for (std::int64_t nic = 0; nic < place.run.node.nics; ++nic) {
    const Vertex here{VertexKind::kNic, node, nic};
    const Vertex outside = switches_->switch_of({node, nic});
    const LinkId up = place.base + place.run.first_nic_link + static_cast<LinkId>(2 * nic);
    wires.push_back({here, outside, up});
    wires.push_back({outside, here, up + 1});
  }
  return wires;
}

std::vector<Wire> Fabric::wires_between_switches() const {
  if (num_nodes_ == 1) return {};  // no traffic leaves the node
  return laid(switches_->cables(), 0, first_switch_link_);
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

std::string Fabric::name_of(const Vertex& vertex) const {
  return vertex.kind <= VertexKind::kNic ? stepcast::name_of(vertex)
                                         : switches_->switch_name(vertex);
}

std::string Fabric::link_name(LinkId link) const {
  STEPCAST_CHECK(link < links_.size(), "no such link: " + std::to_string(link));
  std::size_t run = runs_.size() - 1;
  while (runs_[run].first_link > link) --run;
  const std::vector<Wire> wires =
      link < first_switch_link_
          ? wires_of_node(runs_[run].first_node +
                          (link - runs_[run].first_link) / runs_[run].links_per_node)
          : wires_between_switches();
  const auto wire = std::ranges::find(wires, link, &Wire::link);
  STEPCAST_CHECK(wire != wires.end(), "link " + std::to_string(link) + " stands in no wire");
  return name_of(wire->from) + " -> " + name_of(wire->to);
}

}  // namespace stepcast
