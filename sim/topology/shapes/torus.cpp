// Chips in a grid of one to three dimensions, each joined to its neighbours by links of their own,
// as in TPU pods: the GPUs of one "node", however many hosts they sit in. With wrap, the last chip
// of a row is joined to the first. Ways go along one dimension after the other, each the shorter
// way round; halfway round, chips with even coordinates go up and odd ones down.
#include "sim/topology/shapes/grid.h"

namespace stepcast {
namespace {

class TorusWiring final : public NodeWiring {
 public:
  explicit TorusWiring(const Node& node)
      : NodeWiring(node), grid_{node.dims, node.wrap}, link_of_(table_of_links()) {}

  std::vector<Cable> cables() const override {
    const Link link{LinkKind::kMesh, node().intra_bandwidth, node().link_latency};
    std::vector<Cable> cables;
    for (std::int64_t chip = 0; chip < node().gpus; ++chip)
      for (std::size_t port = 0; port < num_ports(); ++port)
        if (const auto next = neighbour(chip, port))
          cables.push_back({{VertexKind::kGpu, 0, chip}, {VertexKind::kGpu, 0, *next}, link});
    add_own_nics(cables);
    return cables;
  }

  void route(std::int64_t from, std::int64_t to, LinkId base,
             std::vector<LinkId>& path) const override {
    std::int64_t at = from;
    for (std::size_t d = 0; d < grid_.dims.size(); ++d) {
      const std::int64_t goal = grid_.coordinate(to, d);
      const std::size_t port = 2 * d + (goes_up(grid_.coordinate(at, d), goal, d) ? 0 : 1);
      while (grid_.coordinate(at, d) != goal) {
        path.push_back(base + link_of_[static_cast<std::size_t>(at) * num_ports() + port]);
        at = *neighbour(at, port);
      }
    }
  }

  std::optional<Grid> grid() const override { return grid_; }

 private:
  // Port 2d of a chip leads up in dimension d, port 2d + 1 down.
  std::size_t num_ports() const { return 2 * grid_.dims.size(); }

  std::optional<std::int64_t> neighbour(std::int64_t chip, std::size_t port) const {
    const std::size_t d = port / 2;
    const std::int64_t size = grid_.dims[d];
    const std::int64_t at = grid_.coordinate(chip, d);
    const std::int64_t next = at + (port % 2 == 0 ? 1 : -1);
    if (next >= 0 && next < size) return chip + (next - at) * grid_.stride(d);
    if (!grid_.wraps(d)) return std::nullopt;
    return chip + ((next + size) % size - at) * grid_.stride(d);
  }

  bool goes_up(std::int64_t from, std::int64_t to, std::size_t d) const {
    if (!grid_.wraps(d)) return to > from;
    const std::int64_t size = grid_.dims[d];
    const std::int64_t up = (to - from + size) % size;
    return 2 * up == size ? from % 2 == 0 : 2 * up < size;
  }

  /// By chip and port.
  std::vector<LinkId> table_of_links() const {
    std::vector<LinkId> table;
    LinkId link = 0;
    for (std::int64_t chip = 0; chip < node().gpus; ++chip)
      for (std::size_t port = 0; port < num_ports(); ++port)
        table.push_back(neighbour(chip, port) ? link++ : Wire::kNoLink);
    return table;
  }

  Grid grid_;
  std::vector<LinkId> link_of_;
};

}  // namespace

void read_torus(Fields& fields, Problems& problems, Node& node) {
  node.dims = read_dims(fields, problems, "dims", 1, 3);
  node.wrap = fields.boolean("wrap", true);
  node.link_latency = read_latency(fields, "link_latency");
  check_product(fields, node, node.dims);
}

std::shared_ptr<const NodeWiring> wire_torus(const Node& node) {
  return std::make_shared<TorusWiring>(node);
}

}  // namespace stepcast
