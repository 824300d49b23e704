// Shapes of a node: how its GPUs reach each other and its NICs. One file per shape beside this one;
// shapes.cpp is their table. To add one: an enumerator of IntraNode, a file, a row.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sim/topology/fabric.h"

namespace stepcast {

/// A wire on the drawing board: it has no number yet. No `link`: it never limits a transfer.
struct Cable {
  Vertex from, to;
  std::optional<Link> link;
};

/// The wiring of one node. Everything is local: GPUs, NICs and switches are counted from 0, and the
/// links are numbered from 0 in the order in which they stand in cables(). `base` is what the
/// caller wants added to every number. Immutable.
class NodeWiring {
 public:
  explicit NodeWiring(Node node) : node_(std::move(node)) {}
  virtual ~NodeWiring() = default;

  const Node& node() const { return node_; }
  /// All connections between GPUs, switches and NICs of the node, with group 0 in every vertex. The
  /// NICs' own links to the outside are not among them.
  virtual std::vector<Cable> cables() const = 0;
  /// Appends the links from one GPU to another (from != to).
  virtual void route(std::int64_t from, std::int64_t to, LinkId base,
                     std::vector<LinkId>& path) const = 0;
  /// Appends the links from a GPU to a NIC and back. Here: a GPU reaches its own NIC over PCIe,
  /// which nothing else uses, and any other NIC through the GPU that owns it.
  virtual void route_to_nic(std::int64_t gpu, std::int64_t nic, LinkId base,
                            std::vector<LinkId>& path) const;
  virtual void route_from_nic(std::int64_t nic, std::int64_t gpu, LinkId base,
                              std::vector<LinkId>& path) const;
  /// Where GPUs are linked as neighbours in a grid. Here: nowhere.
  virtual std::optional<Grid> grid() const { return std::nullopt; }

 protected:
  /// Cables without link between every GPU and its own NIC, both ways.
  void add_own_nics(std::vector<Cable>& cables) const;

 private:
  Node node_;
};

struct NodeShape {
  IntraNode kind;
  std::string_view name;  ///< `node.intra` in JSON
  std::string_view description;
  /// Reads the fields that only this shape has, and checks them; the common ones are read already.
  void (*read)(Fields& fields, Problems& problems, Node& node);
  std::shared_ptr<const NodeWiring> (*wire)(const Node& node);
};

/// A rate that a link may have: between 1 kB/s and 1 PB/s.
BytesPerSec read_rate(Fields& fields, std::string_view key, Problems& problems);
/// One way; 0 when it is not given, at most 10 s.
Seconds read_latency(Fields& fields, std::string_view key);

std::span<const NodeShape> node_shapes();
const NodeShape& node_shape(IntraNode kind);

// The rows' functions.
void read_nvswitch(Fields& fields, Problems& problems, Node& node);
std::shared_ptr<const NodeWiring> wire_nvswitch(const Node& node);
void read_mesh(Fields& fields, Problems& problems, Node& node);
std::shared_ptr<const NodeWiring> wire_mesh(const Node& node);
void read_pcie(Fields& fields, Problems& problems, Node& node);
std::shared_ptr<const NodeWiring> wire_pcie(const Node& node);
void read_torus(Fields& fields, Problems& problems, Node& node);
std::shared_ptr<const NodeWiring> wire_torus(const Node& node);
void read_hamming_mesh(Fields& fields, Problems& problems, Node& node);
std::shared_ptr<const NodeWiring> wire_hamming_mesh(const Node& node);

}  // namespace stepcast
