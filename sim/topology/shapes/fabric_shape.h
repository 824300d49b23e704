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

/// The switches between nodes. Links are numbered from 0 in the order in which they stand in
/// cables(); `base` is added to every number. Immutable.
class SwitchWiring {
 public:
  virtual ~SwitchWiring() = default;
  /// The switch that a NIC is plugged into. All NICs of a node are plugged into switches of one
  /// group.
  virtual Vertex switch_of(NicPort port) const = 0;
  /// The connections between switches, for the first `num_nodes` nodes.
  virtual std::vector<Cable> cables(std::int64_t num_nodes) const = 0;
  /// Appends the links between the switches of two NICs.
  virtual void route(NicPort from, NicPort to, LinkId base, std::vector<LinkId>& path) const = 0;
};

struct FabricShape {
  FabricKind kind;
  std::string_view name;  ///< `fabric.kind` in JSON
  std::string_view description;
  /// Reads the fields that only this shape has.
  void (*read)(Fields& fields, FabricSpec& fabric);
  std::shared_ptr<const SwitchWiring> (*wire)(const FabricSpec& fabric, const Node& node);
};

std::span<const FabricShape> fabric_shapes();
const FabricShape& fabric_shape(FabricKind kind);

// The rows' functions.
void read_single_switch(Fields& fields, FabricSpec& fabric);
std::shared_ptr<const SwitchWiring> wire_single_switch(const FabricSpec& fabric, const Node& node);
void read_rail_optimized(Fields& fields, FabricSpec& fabric);
std::shared_ptr<const SwitchWiring> wire_rail_optimized(const FabricSpec& fabric, const Node& node);

}  // namespace stepcast
