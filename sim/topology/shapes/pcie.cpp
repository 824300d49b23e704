// GPUs and NICs under PCIe switches, and CPUs between the switches: servers without NVLink. What
// goes to a NIC uses the same x16 slot as what goes to another GPU. With several sockets (NUMA),
// consecutive switches share one, and every two sockets are joined.
#include "sim/topology/shapes/node_shape.h"

namespace stepcast {
namespace {

// Link 2g leads from GPU g to its switch, 2g + 1 back. With several switches, link 2 * gpus + 2s
// leads from switch s to its CPU, the next one back; each is one x16 as well. Then, from every CPU
// to every other, the links between sockets.
class PcieWiring final : public NodeWiring {
 public:
  explicit PcieWiring(const Node& node)
      : NodeWiring(node), num_switches_(node.gpus / node.gpus_per_pcie_switch) {}

  std::vector<Cable> cables() const override {
    std::vector<Cable> cables;
    const auto join = [&](Vertex from, Vertex to, LinkKind up, LinkKind down) {
      cables.push_back({from, to, Link{up, node().intra_bandwidth}});
      cables.push_back({to, from, Link{down, node().intra_bandwidth}});
    };
    for (std::int64_t gpu = 0; gpu < node().gpus; ++gpu)
      join({VertexKind::kGpu, 0, gpu}, vertex(switch_of_gpu(gpu)), LinkKind::kGpuUp,
           LinkKind::kGpuDown);
    if (num_switches_ > 1)
      for (std::int64_t s = 0; s < num_switches_; ++s)
        join(vertex(s), cpu(socket_of(s)), LinkKind::kHost, LinkKind::kHost);
    for (std::int64_t from = 0; from < node().sockets; ++from)
      for (std::int64_t to = 0; to < node().sockets; ++to)
        if (from != to)
          cables.push_back({cpu(from), cpu(to), Link{LinkKind::kHost, node().socket_bandwidth}});
    for (std::int64_t nic = 0; nic < node().nics; ++nic) {
      const Vertex at{VertexKind::kNic, 0, nic};
      cables.push_back({vertex(switch_of_nic(nic)), at, {}});
      cables.push_back({at, vertex(switch_of_nic(nic)), {}});
    }
    return cables;
  }

  void route(std::int64_t from, std::int64_t to, LinkId base,
             std::vector<LinkId>& path) const override {
    path.push_back(base + static_cast<LinkId>(2 * from));
    route_between(switch_of_gpu(from), switch_of_gpu(to), base, path);
    path.push_back(base + static_cast<LinkId>(2 * to + 1));
  }

  void route_to_nic(std::int64_t gpu, std::int64_t nic, LinkId base,
                    std::vector<LinkId>& path) const override {
    path.push_back(base + static_cast<LinkId>(2 * gpu));
    route_between(switch_of_gpu(gpu), switch_of_nic(nic), base, path);
  }

  void route_from_nic(std::int64_t nic, std::int64_t gpu, LinkId base,
                      std::vector<LinkId>& path) const override {
    route_between(switch_of_nic(nic), switch_of_gpu(gpu), base, path);
    path.push_back(base + static_cast<LinkId>(2 * gpu + 1));
  }

 private:
  static Vertex vertex(std::int64_t index) { return {VertexKind::kNodeSwitch, 0, index}; }
  /// CPUs are numbered after the switches.
  Vertex cpu(std::int64_t socket) const { return vertex(num_switches_ + socket); }
  std::int64_t socket_of(std::int64_t pcie_switch) const {
    return pcie_switch * node().sockets / num_switches_;
  }
  std::int64_t switch_of_gpu(std::int64_t gpu) const { return gpu / node().gpus_per_pcie_switch; }
  std::int64_t switch_of_nic(std::int64_t nic) const {
    return switch_of_gpu(owner_of_nic(node(), nic));
  }

  void route_between(std::int64_t from, std::int64_t to, LinkId base,
                     std::vector<LinkId>& path) const {
    if (from == to) return;
    path.push_back(base + static_cast<LinkId>(2 * node().gpus + 2 * from));
    const std::int64_t here = socket_of(from), there = socket_of(to);
    if (here != there) {
      const std::int64_t first = 2 * (node().gpus + num_switches_) + here * (node().sockets - 1);
      path.push_back(base + static_cast<LinkId>(first + (there > here ? there - 1 : there)));
    }
    path.push_back(base + static_cast<LinkId>(2 * node().gpus + 2 * to + 1));
  }

  std::int64_t num_switches_;
};

}  // namespace

void read_pcie(Fields& fields, Problems& problems, Node& node) {
  const std::size_t mistakes = problems.all().size();
  node.gpus_per_pcie_switch = fields.integer("gpus_per_pcie_switch", {.min = 1, .max = node.gpus});
  node.sockets = fields.integer("sockets", {.min = 1, .max = 8}, 1);
  if (node.sockets > 1) node.socket_bandwidth = read_rate(fields, "socket_bandwidth", problems);
  if (problems.all().size() != mistakes) return;
  if (node.gpus % node.gpus_per_pcie_switch != 0)
    return fields.reject("gpus_per_pcie_switch",
                         "= " + std::to_string(node.gpus_per_pcie_switch) +
                             " must divide gpus = " + std::to_string(node.gpus));
  const std::int64_t switches = node.gpus / node.gpus_per_pcie_switch;
  if (switches % node.sockets != 0)
    fields.reject("sockets", "= " + std::to_string(node.sockets) + " must divide the " +
                                 std::to_string(switches) + " PCIe switches");
}

std::shared_ptr<const NodeWiring> wire_pcie(const Node& node) {
  return std::make_shared<PcieWiring>(node);
}

}  // namespace stepcast
