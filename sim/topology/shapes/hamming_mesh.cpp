// A HammingMesh [Hoefler et al., HammingMesh: a network topology for large-scale deep learning,
// SC 2022]: boards of GPUs joined as a small grid, and the boards themselves in a larger grid. The
// GPUs at the edges of a board are plugged into a switch for their row or column of the whole
// machine, which does not block. A way goes along its row, then along its column, leaving a board
// at its nearer edge and entering the other one at the edge nearer to the goal.
#include <array>

#include "sim/topology/shapes/grid.h"

namespace stepcast {
namespace {

// GPU (r, c) is number r * columns + c. Ports: 0 right, 1 left, 2 down, 3 up; each has an outgoing
// link, and an incoming one from the switch where it is at the edge of its board. Links are
// numbered by GPU and port, the outgoing one first.
class HammingMeshWiring final : public NodeWiring {
 public:
  explicit HammingMeshWiring(const Node& node)
      : NodeWiring(node), sizes_{node.dims[0], node.dims[1]}, board_{node.board[0], node.board[1]} {
    LinkId link = 0;
    for (std::int64_t gpu = 0; gpu < node.gpus; ++gpu)
      for (int port = 0; port < 4; ++port) {
        first_link_.push_back(link);
        link += at_edge(gpu, port) ? 2 : 1;
      }
  }

  std::vector<Cable> cables() const override {
    const auto link = [&](LinkKind kind) {
      return Link{kind, node().intra_bandwidth, node().link_latency};
    };
    std::vector<Cable> cables;
    for (std::int64_t gpu = 0; gpu < node().gpus; ++gpu)
      for (int port = 0; port < 4; ++port) {
        const Vertex here{VertexKind::kGpu, 0, gpu};
        if (at_edge(gpu, port)) {
          cables.push_back({here, switch_at(gpu, port), link(LinkKind::kBoardUp)});
          cables.push_back({switch_at(gpu, port), here, link(LinkKind::kBoardDown)});
        } else {
          const Vertex next{VertexKind::kGpu, 0, gpu + step_of(port)};
          cables.push_back({here, next, link(LinkKind::kMesh)});
        }
      }
    add_own_nics(cables);
    return cables;
  }

  void route(std::int64_t from, std::int64_t to, LinkId base,
             std::vector<LinkId>& path) const override {
    const std::int64_t corner = from / sizes_[1] * sizes_[1] + to % sizes_[1];
    go(from, corner, 1, base, path);
    go(corner, to, 0, base, path);
  }

  /// Through its switches a row closes to a ring.
  std::optional<Grid> grid() const override { return Grid{{sizes_[0], sizes_[1]}, true}; }

 private:
  static constexpr int dimension_of(int port) { return port < 2 ? 1 : 0; }
  std::int64_t step_of(int port) const {
    return (port % 2 == 0 ? 1 : -1) * (dimension_of(port) == 1 ? 1 : sizes_[1]);
  }
  std::int64_t coordinate(std::int64_t gpu, int dimension) const {
    return dimension == 1 ? gpu % sizes_[1] : gpu / sizes_[1];
  }
  bool at_edge(std::int64_t gpu, int port) const {
    const int d = dimension_of(port);
    return coordinate(gpu, d) % board_[d] == (port % 2 == 0 ? board_[d] - 1 : 0);
  }
  /// Row switches come first.
  Vertex switch_at(std::int64_t gpu, int port) const {
    if (dimension_of(port) == 1) return {VertexKind::kNodeSwitch, 0, coordinate(gpu, 0)};
    return {VertexKind::kNodeSwitch, 0, sizes_[0] + coordinate(gpu, 1)};
  }
  LinkId out(std::int64_t gpu, int port) const {
    return first_link_[static_cast<std::size_t>(gpu * 4 + port)];
  }

  /// Along one dimension.
  void go(std::int64_t from, std::int64_t to, int d, LinkId base, std::vector<LinkId>& path) const {
    if (from == to) return;
    const int up = d == 1 ? 0 : 2, down = up + 1;
    const std::int64_t start = coordinate(from, d), goal = coordinate(to, d);
    if (start / board_[d] == goal / board_[d])
      return walk(from, to, goal > start ? up : down, base, path);
    const bool upwards = 2 * ((goal - start + sizes_[d]) % sizes_[d]) <= sizes_[d];
    const int leave = exit_port(start, up, upwards);
    // The port by which a board is entered is the one at which the goal would leave it.
    const int enter = exit_port(goal, up, !upwards);
    const std::int64_t edge = edge_of(from, leave), landing = edge_of(to, enter);
    walk(from, edge, leave, base, path);
    path.push_back(base + out(edge, leave));
    path.push_back(base + out(landing, enter) + 1);
    walk(landing, to, enter % 2 == 0 ? enter + 1 : enter - 1, base, path);
  }

  /// The nearer edge of a board; in its middle the one on the shorter way round.
  int exit_port(std::int64_t at, int up, bool upwards) const {
    const int d = dimension_of(up);
    const std::int64_t below = at % board_[d], above = board_[d] - 1 - below;
    if (below == above) return upwards ? up : up + 1;
    return above < below ? up : up + 1;
  }
  std::int64_t edge_of(std::int64_t gpu, int port) const {
    const int d = dimension_of(port);
    const std::int64_t within = coordinate(gpu, d) % board_[d];
    return gpu + step_of(port) * (port % 2 == 0 ? board_[d] - 1 - within : within);
  }
  void walk(std::int64_t from, std::int64_t to, int port, LinkId base,
            std::vector<LinkId>& path) const {
    for (std::int64_t at = from; at != to; at += step_of(port))
      path.push_back(base + out(at, port));
  }

  std::array<std::int64_t, 2> sizes_;  ///< of the machine, in GPUs
  std::array<std::int64_t, 2> board_;
  std::vector<LinkId> first_link_;  ///< by GPU and port
};

}  // namespace

void read_hamming_mesh(Fields& fields, Problems& problems, Node& node) {
  node.dims = read_dims(fields, problems, "dims", 2, 2);
  node.board = read_dims(fields, problems, "board", 2, 2);
  node.link_latency = read_latency(fields, "link_latency");
  check_product(fields, node, node.dims);
  if (node.dims.empty() || node.board.empty()) return;
  for (std::size_t d = 0; d < 2; ++d)
    if (node.dims[d] % node.board[d] != 0)
      fields.reject("board", "= " + std::to_string(node.board[d]) + " GPUs must divide dims = " +
                                 std::to_string(node.dims[d]) + " on side " + std::to_string(d));
}

std::shared_ptr<const NodeWiring> wire_hamming_mesh(const Node& node) {
  return std::make_shared<HammingMeshWiring>(node);
}

}  // namespace stepcast
