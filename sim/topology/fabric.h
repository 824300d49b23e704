// Links and routes: what a Topology means for bytes on the move. One host per GPU; every link
// direction is a link of its own; capacities are nominal. What a hop costs in NCCL is the network
// profile's business; a link's latency is the time of flight that comes on top (a WAN, a long
// cable).
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/topology/topology.h"

namespace stepcast {

using LinkId = std::uint32_t;

enum class LinkKind : std::uint8_t {
  kGpuUp,  ///< GPU to NVSwitch (or to its PCIe switch)
  kGpuDown,
  kMesh,     ///< GPU to GPU
  kBoardUp,  ///< GPU to the switch of its row or column of boards
  kBoardDown,
  kHost,   ///< between PCIe switch and CPU, or CPU and CPU
  kNicUp,  ///< NIC to the switch that it is plugged into
  kNicDown,
  kLeafUp,  ///< leaf switch to the level above: all uplinks together where traffic is sprayed
  kLeafDown,
  kSpineUp,  ///< the same, of the middle level of three
  kSpineDown,
  kPeer,  ///< between switches of one level
  kWan,   ///< between data centres
};
std::string_view name_of(LinkKind kind);  ///< "gpu_up"

struct Link {
  LinkKind kind{};
  BytesPerSec capacity;
  Seconds latency{};
};

/// A place where links meet.
enum class VertexKind : std::uint8_t {
  kGpu,
  kNodeSwitch,  ///< NVSwitch, PCIe switch or CPU inside a node
  kNic,
  kLeaf,     ///< switch next to the NICs
  kSpine,    ///< middle level of three
  kCore,     ///< top level, or the one switch of a cluster without leaves
  kGateway,  ///< where a data centre meets the others
};
struct Vertex {
  VertexKind kind{};
  std::int64_t group = 0;  ///< node, or pod of a switch; 0 where there are no pods
  std::int64_t index = 0;  ///< within the group
  auto operator<=>(const Vertex&) const = default;
};
std::string name_of(const Vertex& vertex);  ///< by its place: "node 3 gpu 5", "pod 0 leaf 3"

/// One direction of a connection. Most are links; some (GPU to its own NIC over PCIe, which NVLink
/// traffic does not share) are never what limits a transfer and have no link.
struct Wire {
  Vertex from, to;
  LinkId link = kNoLink;
  static constexpr LinkId kNoLink = ~LinkId{0};
};

/// GPUs of a node that lie in a grid with links between neighbours, numbered row by row.
struct Grid {
  std::vector<std::int64_t> dims;  ///< the last one is the fastest
  bool wrap = false;               ///< the ends of a row are joined

  std::int64_t stride(std::size_t d) const;
  std::int64_t coordinate(std::int64_t gpu, std::size_t d) const {
    return gpu / stride(d) % dims[d];
  }
  /// Two places side by side have one link, not a second one round the back.
  bool wraps(std::size_t d) const { return wrap && dims[d] > 2; }
};

class NodeWiring;    // shapes/node_shape.h
class SwitchWiring;  // shapes/fabric_shape.h

/// The first `num_gpus` GPUs of a topology, in whole nodes; GPUs are numbered node by node. Cheap
/// to copy but for the link table; safe to read from several threads.
class Fabric {
 public:
  /// Throws Error(kInfeasible) when the topology has fewer GPUs.
  Fabric(const Topology& topology, std::int64_t num_gpus);

  std::int64_t num_gpus() const { return num_gpus_; }
  std::int64_t num_nodes() const { return num_nodes_; }
  std::int64_t gpus_per_node() const { return most_gpus_per_node_; }  ///< of the fullest node
  std::int64_t node_of(std::int64_t gpu) const;
  std::int64_t first_gpu_of(std::int64_t node) const;
  const Node& node(std::int64_t node) const { return runs_[run_of_node(node)].node; }
  std::optional<Grid> grid_of(std::int64_t node) const;  ///< nothing where there is a switch
  std::int64_t data_center_of(std::int64_t node) const;  ///< 0 where there is but one
  const std::vector<Link>& links() const { return links_; }
  /// "node 3 gpu 5"; switches and data centres that have names of the user's go by them.
  std::string name_of(const Vertex& vertex) const;
  /// "node 3 gpu 5 -> node 3 switch 0"; made on demand.
  std::string link_name(LinkId link) const;

  /// Whether alike flows load alike links alike: nothing hashes, and every pair of NICs is joined
  /// in the same way.
  bool spreads_evenly() const { return spreads_evenly_; }
  /// Whether GPUs plugged into the same switches may go different ways between them.
  bool hashes() const { return hashes_; }
  bool has_latency() const { return has_latency_; }  ///< of any link
  Seconds latency_of(std::span<const LinkId> path) const;

  /// Appends the links from GPU `from` to GPU `to` in order. Between nodes the path leaves and
  /// enters through the NICs of `from` and `to` themselves, unless the fabric does not join these
  /// two: then it leaves through the NIC of `from`'s node that stands where `to`'s does. from == to
  /// appends nothing.
  void route(std::int64_t from, std::int64_t to, std::vector<LinkId>& path) const;
  /// The path of a message that enters and leaves its nodes through NIC `rail` of either side. A
  /// GPU that has another NIC hands over to the GPU that has this one, as NCCL's PXN does. Within a
  /// node it is route().
  void route_on_rail(std::int64_t from, std::int64_t to, std::int64_t rail,
                     std::vector<LinkId>& path) const;
  std::int64_t nic_of(std::int64_t gpu) const;  ///< local index of its NIC; -1 without NICs

  /// The whole graph, node by node, then the switches; every link stands in exactly one wire.
  std::vector<Wire> wires() const;

 private:
  /// Consecutive nodes that are alike. Links of a node lie together: first the node's own, then up
  /// and down of every NIC.
  struct NodeRun {
    Node node;
    std::shared_ptr<const NodeWiring> wiring;
    std::int64_t first_node = 0, first_gpu = 0;
    LinkId first_link = 0;
    LinkId links_per_node = 0;
    LinkId first_nic_link = 0;  ///< within a node
  };
  /// A node and its numbers.
  struct Place {
    const NodeRun& run;
    std::int64_t node = 0;
    std::int64_t first_gpu = 0;
    LinkId base = 0;
  };

  void add_runs(const Topology& topology);
  void add_links_of_nodes();
  std::size_t run_of_node(std::int64_t node) const;
  Place place_of_node(std::int64_t node) const;
  Place place_of_gpu(std::int64_t gpu) const;
  std::vector<Wire> wires_of_node(std::int64_t node) const;
  std::vector<Wire> wires_between_switches() const;
  void route_between_nodes(std::int64_t from, std::int64_t from_nic, std::int64_t to,
                           std::int64_t to_nic, std::vector<LinkId>& path) const;

  std::int64_t num_gpus_ = 0;
  std::int64_t num_nodes_ = 0;  ///< nodes that the GPUs fill or begin
  std::int64_t most_gpus_per_node_ = 0;
  std::vector<NodeRun> runs_;  ///< one unless the topology has several kinds of nodes
  std::shared_ptr<const SwitchWiring> switches_;
  LinkId first_switch_link_ = 0;  ///< the links between switches follow the last node
  bool has_latency_ = false;
  bool spreads_evenly_ = true;
  bool hashes_ = false;
  std::vector<Link> links_;
};

}  // namespace stepcast
