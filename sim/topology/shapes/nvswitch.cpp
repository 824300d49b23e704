// All GPUs on one non-blocking NVSwitch: HGX and DGX boards since DGX-2, and NVL72 racks.
#include "sim/topology/shapes/node_shape.h"

namespace stepcast {
namespace {

// Link 2g leads from GPU g to the switch, 2g + 1 back.
class NvswitchWiring final : public NodeWiring {
 public:
  using NodeWiring::NodeWiring;

  std::vector<Cable> cables() const override {
    const Vertex hub{VertexKind::kNodeSwitch, 0, 0};
    std::vector<Cable> cables;
    for (std::int64_t i = 0; i < node().gpus; ++i) {
      const Vertex gpu{VertexKind::kGpu, 0, i};
      cables.push_back({gpu, hub, Link{LinkKind::kGpuUp, node().intra_bandwidth}});
      cables.push_back({hub, gpu, Link{LinkKind::kGpuDown, node().intra_bandwidth}});
    }
    add_own_nics(cables);
    return cables;
  }

  void route(std::int64_t from, std::int64_t to, LinkId base,
             std::vector<LinkId>& path) const override {
    path.push_back(base + static_cast<LinkId>(2 * from));
    path.push_back(base + static_cast<LinkId>(2 * to + 1));
  }
};

}  // namespace

void read_nvswitch(Fields&, Problems&, Node&) {}

std::shared_ptr<const NodeWiring> wire_nvswitch(const Node& node) {
  return std::make_shared<NvswitchWiring>(node);
}

}  // namespace stepcast
