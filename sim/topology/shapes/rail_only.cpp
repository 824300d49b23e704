// A rail-only network [Wang et al., Rail-only: a low-cost high-performance network for training
// LLMs with trillion parameters, 2024]: NIC i of every node on switch i, and nothing joins the
// switches. What has to change rails does so over NVLink before it leaves its node, as NCCL's PXN
// does.
#include <algorithm>

#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {
namespace {

class RailOnlyWiring final : public SwitchWiring {
 public:
  Vertex switch_of(NicPort port) const override { return {VertexKind::kLeaf, 0, port.nic}; }
  std::vector<Cable> cables() const override { return {}; }
  bool joins(NicPort from, NicPort to) const override { return from.nic == to.nic; }
  void route(NicPort, NicPort, LinkId, std::vector<LinkId>&) const override {}
};

}  // namespace

void read_rail_only(Fields&, Problems&, FabricSpec&) {}

/// Without NVLink a message can't change rails inside its node.
void check_rail_only(const JsonValue& value, std::span<const NodeGroup> groups, const FabricSpec&,
                     Problems& problems) {
  const bool stuck = std::ranges::any_of(groups, [](const NodeGroup& group) {
    return group.node.intra == IntraNode::kPcie && group.node.nics > 1;
  });
  if (stuck)
    problems.add(value.problem(
        "is rail_only, which has no way between rails, but GPUs of a pcie node can't pass messages "
        "on to one another's rails; use rail_optimized, or nodes with NVLink or one NIC"));
}

std::shared_ptr<const SwitchWiring> wire_rail_only(const FabricSpec&, const Ports&) {
  return std::make_shared<RailOnlyWiring>();
}

}  // namespace stepcast
