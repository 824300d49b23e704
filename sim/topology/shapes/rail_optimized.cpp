// A rail-optimised fat tree: nodes stand in pods, NIC i of every node of a pod is plugged into leaf
// switch i of that pod, and a spine joins all leaves. NICs of one rail and pod talk through their
// leaf alone; everything else goes up to the spine and down again. A leaf's uplinks count as one
// link, because adaptive routing sprays packets over them.
#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {
namespace {

// Link 2 (pod * rails + rail) leads from that leaf to the spine, the next one back.
class RailOptimizedWiring final : public SwitchWiring {
 public:
  RailOptimizedWiring(const FabricSpec& fabric, const Ports& ports)
      : nodes_(ports.nodes),
        nodes_per_leaf_(fabric.nodes_per_leaf),
        rails_(ports.nics),
        uplinks_(ports.nic_bandwidth *
                 (static_cast<double>(fabric.nodes_per_leaf) / fabric.oversubscription)) {}

  Vertex switch_of(NicPort port) const override {
    return {VertexKind::kLeaf, pod_of(port.node), port.nic};
  }

  std::vector<Cable> cables() const override {
    std::vector<Cable> cables;
    const Vertex spine{VertexKind::kCore, 0, 0};
    for (std::int64_t pod = 0; pod <= pod_of(nodes_ - 1); ++pod)
      for (std::int64_t rail = 0; rail < rails_; ++rail) {
        const Vertex leaf{VertexKind::kLeaf, pod, rail};
        cables.push_back({leaf, spine, Link{LinkKind::kLeafUp, uplinks_}});
        cables.push_back({spine, leaf, Link{LinkKind::kLeafDown, uplinks_}});
      }
    return cables;
  }

  void route(NicPort from, NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    if (leaf_of(from) == leaf_of(to)) return;
    route_to_gateway(from, base, path);
    route_from_gateway(to, base, path);
  }

  void route_to_gateway(NicPort from, LinkId base, std::vector<LinkId>& path) const override {
    path.push_back(base + static_cast<LinkId>(2 * leaf_of(from)));
  }
  void route_from_gateway(NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    path.push_back(base + static_cast<LinkId>(2 * leaf_of(to) + 1));
  }

 private:
  std::int64_t pod_of(std::int64_t node) const { return node / nodes_per_leaf_; }
  std::int64_t leaf_of(NicPort port) const { return pod_of(port.node) * rails_ + port.nic; }

  std::int64_t nodes_;
  std::int64_t nodes_per_leaf_;
  std::int64_t rails_;
  BytesPerSec uplinks_;
};

}  // namespace

void read_rail_optimized(Fields& fields, Problems&, FabricSpec& fabric) {
  fabric.nodes_per_leaf = fields.integer("nodes_per_leaf", {.min = 1, .max = 65'536});
  fabric.oversubscription = fields.number("oversubscription", {.min = 0.01, .max = 1000}, 1.0);
}

std::shared_ptr<const SwitchWiring> wire_rail_optimized(const FabricSpec& fabric,
                                                        const Ports& ports) {
  return std::make_shared<RailOptimizedWiring>(fabric, ports);
}

}  // namespace stepcast
