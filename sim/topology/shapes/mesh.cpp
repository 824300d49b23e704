// NVLinks from GPU to GPU, as in the DGX-1's hybrid cube mesh. GPUs without a link in common are
// served by those in between, on a way of fewest hops.
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/connected_components.hpp>
#include <set>

#include "sim/topology/shapes/node_shape.h"

namespace stepcast {
namespace {

constexpr std::int64_t kMostGpusOfMesh =
    32;  // keeps the table of next hops and the links of a node small

using MeshGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS>;

MeshGraph graph_of(const Node& node) {
  MeshGraph graph(static_cast<std::size_t>(node.gpus));
  for (const MeshLink& link : node.mesh)
    boost::add_edge(static_cast<std::size_t>(link.a), static_cast<std::size_t>(link.b), graph);
  return graph;
}

/// Hops from every GPU to GPU `to`.
std::vector<std::int64_t> hops_to(const MeshGraph& graph, std::int64_t to) {
  std::vector<std::int64_t> hops(boost::num_vertices(graph), 0);
  const auto record =
      boost::make_bfs_visitor(boost::record_distances(hops.data(), boost::on_tree_edge()));
  boost::breadth_first_search(graph, static_cast<std::size_t>(to), boost::visitor(record));
  return hops;
}

// Link 2i leads from mesh[i].a to mesh[i].b, 2i + 1 back.
class MeshWiring final : public NodeWiring {
 public:
  explicit MeshWiring(const Node& node) : NodeWiring(node), next_link_(table_of_next_links(node)) {}

  std::vector<Cable> cables() const override {
    std::vector<Cable> cables;
    for (const MeshLink& link : node().mesh) {
      const Vertex a{VertexKind::kGpu, 0, link.a};
      const Vertex b{VertexKind::kGpu, 0, link.b};
      const Link bundle{LinkKind::kMesh, node().intra_bandwidth * static_cast<double>(link.count)};
      cables.push_back({a, b, bundle});
      cables.push_back({b, a, bundle});
    }
    add_own_nics(cables);
    return cables;
  }

  void route(std::int64_t from, std::int64_t to, LinkId base,
             std::vector<LinkId>& path) const override {
    for (std::int64_t at = from; at != to;) {
      const LinkId link = next_link_[static_cast<std::size_t>(at * node().gpus + to)];
      path.push_back(base + link);
      at = end_of(node(), link);
    }
  }

 private:
  static std::int64_t start_of(const Node& node, LinkId link) {
    return link % 2 == 0 ? node.mesh[link / 2].a : node.mesh[link / 2].b;
  }
  static std::int64_t end_of(const Node& node, LinkId link) {
    return link % 2 == 0 ? node.mesh[link / 2].b : node.mesh[link / 2].a;
  }

  /// By (at, to): the link to take. Among neighbours that are equally near to the goal the one with
  /// most parallel NVLinks is taken, then the one with the lowest index.
  static std::vector<LinkId> table_of_next_links(const Node& node) {
    const MeshGraph graph = graph_of(node);
    std::vector<LinkId> table(static_cast<std::size_t>(node.gpus * node.gpus), Wire::kNoLink);
    for (std::int64_t to = 0; to < node.gpus; ++to) {
      const std::vector<std::int64_t> hops = hops_to(graph, to);
      for (LinkId link = 0; link < 2 * node.mesh.size(); ++link) {
        const std::int64_t at = start_of(node, link);
        const std::int64_t next = end_of(node, link);
        if (hops[static_cast<std::size_t>(next)] + 1 != hops[static_cast<std::size_t>(at)])
          continue;
        LinkId& best = table[static_cast<std::size_t>(at * node.gpus + to)];
        if (best == Wire::kNoLink || preferred(node, link, best)) best = link;
      }
    }
    return table;
  }

  static bool preferred(const Node& node, LinkId link, LinkId over) {
    const std::int64_t width = node.mesh[link / 2].count;
    const std::int64_t other = node.mesh[over / 2].count;
    return width != other ? width > other : end_of(node, link) < end_of(node, over);
  }

  std::vector<LinkId> next_link_;
};

MeshLink read_link(JsonValue value, const Node& node, Problems& problems) {
  const std::size_t mistakes = problems.all().size();
  Fields fields(std::move(value), problems);
  MeshLink link;
  link.a = fields.integer("a", {.min = 0, .max = node.gpus - 1});
  link.b = fields.integer("b", {.min = 0, .max = node.gpus - 1});
  link.count = fields.integer("count", {.min = 1, .max = 64}, 1);
  if (problems.all().size() == mistakes && link.a == link.b)
    fields.reject(
        "b", "= " + std::to_string(link.b) + " must differ from a; a GPU has no link to itself");
  fields.finish();
  return link;
}

/// A pair that is linked twice is a slip: parallel links have a count.
void check_pairs(const std::vector<JsonValue>& elements, const Node& node, Problems& problems) {
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (std::size_t i = 0; i < node.mesh.size(); ++i) {
    const auto pair = std::minmax(node.mesh[i].a, node.mesh[i].b);
    if (!seen.insert(pair).second)
      problems.add(elements[i].problem("links GPUs " + std::to_string(pair.first) + " and " +
                                       std::to_string(pair.second) +
                                       " a second time; give parallel links as count"));
  }
}

void check_connected(const JsonValue& value, const Node& node, Problems& problems) {
  std::vector<std::size_t> part(static_cast<std::size_t>(node.gpus));
  const std::size_t parts = boost::connected_components(graph_of(node), part.data());
  if (parts == 1) return;
  std::size_t lost = 0;
  while (part[lost] == part[0]) ++lost;
  problems.add(value.problem("leaves no way from GPU 0 to GPU " + std::to_string(lost) +
                             "; add links until the " + std::to_string(node.gpus) +
                             " GPUs are connected"));
}

}  // namespace

void read_mesh(Fields& fields, Problems& problems, Node& node) {
  if (node.gpus > kMostGpusOfMesh) {
    fields.reject("gpus", "= " + std::to_string(node.gpus) + " must be at most " +
                              std::to_string(kMostGpusOfMesh) + " in a mesh");
    fields.child("mesh");  // asked for, so that it is not reported as unknown
    return;
  }
  const std::optional<JsonValue> value =
      fields.required_child("mesh", "a list of {\"a\", \"b\", \"count\"}");
  if (!value) return;
  if (!value->is_array()) {
    problems.add(value->problem("must be an array of {\"a\", \"b\", \"count\"}"));
    return;
  }
  const std::size_t mistakes = problems.all().size();
  const std::vector<JsonValue> elements = value->elements();
  for (const JsonValue& element : elements) node.mesh.push_back(read_link(element, node, problems));
  if (problems.all().size() == mistakes) check_pairs(elements, node, problems);
  if (problems.all().size() == mistakes) check_connected(*value, node, problems);
}

std::shared_ptr<const NodeWiring> wire_mesh(const Node& node) {
  return std::make_shared<MeshWiring>(node);
}

}  // namespace stepcast
