// Shapes of the fabric between nodes: which switch a NIC is plugged into, and the way from switch
// to switch. One file per shape beside this one; shapes.cpp is their table.
#pragma once

#include "sim/topology/shapes/node_shape.h"

namespace stepcast {

/// A NIC of the cluster.
struct NicPort {
  std::int64_t node = 0;
  std::int64_t nic = 0;  ///< within the node
};

/// What a fabric joins.
struct Ports {
  std::int64_t nodes = 1;
  std::int64_t nics = 0;        ///< of the node that has most
  BytesPerSec nic_bandwidth{};  ///< of the fastest
};

/// The switches between nodes. Links are numbered from 0 in the order in which they stand in
/// cables(); `base` is added to every number. Immutable.
class SwitchWiring {
 public:
  virtual ~SwitchWiring() = default;
  /// The switch that a NIC is plugged into.
  virtual Vertex switch_of(NicPort port) const = 0;
  /// The connections between switches.
  virtual std::vector<Cable> cables() const = 0;
  /// Whether there is a way between two NICs. Here: between all.
  virtual bool joins(NicPort, NicPort) const { return true; }
  /// Whether NICs plugged into the same switch may go different ways to the same goal. Here: never.
  virtual bool hashes() const { return false; }
  /// Appends the links between the switches of two NICs that are joined.
  virtual void route(NicPort from, NicPort to, LinkId base, std::vector<LinkId>& path) const = 0;

  /// Of a data centre among several: the switches where it meets the others, and the way there and
  /// back. Here: the one core switch, with nothing between it and the NICs' switches.
  virtual std::vector<Vertex> gateways() const { return {{VertexKind::kCore, 0, 0}}; }
  virtual void route_to_gateway(NicPort, LinkId, std::vector<LinkId>&) const {}
  virtual void route_from_gateway(NicPort, LinkId, std::vector<LinkId>&) const {}
  /// What users call a switch. Here: its place, "pod 0 leaf 3".
  virtual std::string switch_name(const Vertex& vertex) const { return name_of(vertex); }
  /// Which of several data centres a node stands in.
  virtual std::int64_t data_center_of(std::int64_t) const { return 0; }
};

struct FabricShape {
  FabricKind kind;
  std::string_view name;  ///< `fabric.kind` in JSON
  std::string_view description;
  bool has_gateway;  ///< may be that of a data centre among several
  /// Reads the fields that only this shape has.
  void (*read)(Fields& fields, Problems& problems, FabricSpec& fabric);
  /// What the shape asks of its nodes; `value` is the fabric's JSON, read without mistakes.
  /// nullptr: nothing.
  void (*check)(const JsonValue& value, std::span<const NodeGroup> groups, const FabricSpec& fabric,
                Problems& problems);
  std::shared_ptr<const SwitchWiring> (*wire)(const FabricSpec& fabric, const Ports& ports);
};

std::span<const FabricShape> fabric_shapes();
const FabricShape& fabric_shape(FabricKind kind);

/// The fabrics of all data centres of a topology and the WAN between them.
std::shared_ptr<const SwitchWiring> wire_data_centers(const Topology& topology, const Ports& ports);

// The rows' functions.
void read_single_switch(Fields& fields, Problems& problems, FabricSpec& fabric);
std::shared_ptr<const SwitchWiring> wire_single_switch(const FabricSpec& fabric,
                                                       const Ports& ports);
void read_rail_optimized(Fields& fields, Problems& problems, FabricSpec& fabric);
std::shared_ptr<const SwitchWiring> wire_rail_optimized(const FabricSpec& fabric,
                                                        const Ports& ports);

void read_rail_only(Fields& fields, Problems& problems, FabricSpec& fabric);
void check_rail_only(const JsonValue& value, std::span<const NodeGroup> groups,
                     const FabricSpec& fabric, Problems& problems);
std::shared_ptr<const SwitchWiring> wire_rail_only(const FabricSpec& fabric, const Ports& ports);
void read_fat_tree(Fields& fields, Problems& problems, FabricSpec& fabric);
std::shared_ptr<const SwitchWiring> wire_fat_tree(const FabricSpec& fabric, const Ports& ports);
void read_dragonfly(Fields& fields, Problems& problems, FabricSpec& fabric);
void read_full_mesh(Fields& fields, Problems& problems, FabricSpec& fabric);
std::shared_ptr<const SwitchWiring> wire_dragonfly(const FabricSpec& fabric, const Ports& ports);
void read_switch_graph(Fields& fields, Problems& problems, FabricSpec& fabric);
void check_switch_graph(const JsonValue& value, std::span<const NodeGroup> groups,
                        const FabricSpec& fabric, Problems& problems);
std::shared_ptr<const SwitchWiring> wire_switch_graph(const FabricSpec& fabric, const Ports& ports);

}  // namespace stepcast
