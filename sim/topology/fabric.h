// Links and routes: what a Topology means for bytes on the move. One host per GPU; every link
// direction is a link of its own; capacities are nominal. Latency is the network profile's business.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/topology/topology.h"

namespace stepcast {

using LinkId = std::uint32_t;

enum class LinkKind : std::uint8_t {
  kGpuUp,    ///< GPU to NVSwitch (or to its PCIe switch)
  kGpuDown,
  kMesh,     ///< GPU to GPU
  kHost,     ///< between PCIe switches of a node
  kNicUp,
  kNicDown,
  kLeafUp,   ///< all uplinks of a leaf switch together (traffic is sprayed over them)
  kLeafDown,
};

struct Link {
  LinkKind kind{};
  BytesPerSec capacity;
};

/// The first `num_gpus` GPUs of a topology. GPU g sits in node g / node.gpus.
class Fabric {
 public:
  /// Throws Error(kInfeasible) when the topology has fewer GPUs.
  Fabric(const Topology& topology, std::int64_t num_gpus);

  std::int64_t num_gpus() const { return num_gpus_; }
  std::int64_t gpus_per_node() const { return node_.gpus; }
  std::int64_t node_of(std::int64_t gpu) const { return gpu / node_.gpus; }
  const std::vector<Link>& links() const { return links_; }
  /// "node 3 gpu 5 up"; made on demand.
  std::string link_name(LinkId link) const;

  /// Appends the links from GPU `from` to GPU `to` in order. Between nodes the path leaves and enters
  /// through the NICs of `from` and `to` themselves. from == to appends nothing.
  void route(std::int64_t from, std::int64_t to, std::vector<LinkId>& path) const;
  /// The path of a message that enters and leaves its nodes through NIC `rail` of either side.
  void route_on_rail(std::int64_t from, std::int64_t to, std::int64_t rail,
                     std::vector<LinkId>& path) const;
  std::int64_t nic_of(std::int64_t gpu) const;  ///< local index of its NIC; -1 without NICs

 private:
  Node node_;
  FabricSpec fabric_;
  std::int64_t num_gpus_ = 0;
  std::vector<Link> links_;
  std::vector<std::uint32_t> mesh_route_;  ///< kMesh: next hop by (from, to)
  std::uint32_t first_nic_ = 0, first_leaf_ = 0, links_per_node_ = 0;
};

/// Facts of the whole graph, by Boost.Graph over GPUs, switches and NICs.
struct FabricReport {
  bool connected = false;
  std::int64_t diameter_hops = 0;  ///< of node 0's GPU 0
  BytesPerSec bisection;           ///< per direction, between the two halves of the nodes
};
FabricReport inspect(const Topology& topology, std::int64_t num_gpus);

}  // namespace stepcast
