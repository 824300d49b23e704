// All NICs of all nodes on one switch that never blocks: the NICs alone limit what crosses. Stands
// for fabrics whose inside is not published, too.
#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {
namespace {

class SingleSwitchWiring final : public SwitchWiring {
 public:
  Vertex switch_of(NicPort) const override { return {VertexKind::kCore, 0, 0}; }
  std::vector<Cable> cables() const override { return {}; }
  void route(NicPort, NicPort, LinkId, std::vector<LinkId>&) const override {}
};

}  // namespace

void read_single_switch(Fields&, Problems&, FabricSpec&) {}

std::shared_ptr<const SwitchWiring> wire_single_switch(const FabricSpec&, const Ports&) {
  return std::make_shared<SingleSwitchWiring>();
}

}  // namespace stepcast
