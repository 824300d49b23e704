// What the job runs on: a device, a node full of them, and a fabric between nodes, as
// topologies/*.json says it. Plain facts; links and routes are made of them in fabric.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/base/json_fields.h"

namespace stepcast {

/// A GPU's datasheet (topologies/devices/*.json). How fast kernels really run on it is a device
/// profile's (topologies/calibrations/).
struct Device {
  std::string name;        ///< "A100-SXM-80GB"
  std::string generation;  ///< "volta", "ampere", "hopper", "blackwell", "ada"
  FlopsPerSec peak_fp32, peak_tf32, peak_fp16, peak_bf16, peak_fp8;  ///< dense; zero: unsupported
  Bytes memory_capacity;
  BytesPerSec memory_bandwidth;
  std::int64_t num_sms = 0;
  Watts power_limit;
  Watts idle_power;
  std::string source;  ///< where the figures come from; empty: not said

  FlopsPerSec peak(Dtype dtype) const;
};

enum class IntraNode : std::uint8_t {
  kNvswitch,     ///< every GPU has one up and one down link into a non-blocking switch
  kMesh,         ///< NVLinks pair by pair (DGX-1 hybrid cube mesh)
  kPcie,         ///< GPUs under PCIe switches, hosts between
  kTorus,        ///< chips in a grid, each linked to its neighbours (TPU pods)
  kHammingMesh,  ///< boards of GPUs in a grid, switches for every row and column
};

/// One direct NVLink bundle of a mesh.
struct MeshLink {
  std::int64_t a = 0, b = 0;  ///< local GPU indices
  std::int64_t count = 1;     ///< parallel NVLinks, each of Node::intra_bandwidth per direction
};

struct Node {
  std::int64_t gpus = 8;
  IntraNode intra = IntraNode::kNvswitch;
  BytesPerSec intra_bandwidth{};  ///< per direction: of one GPU or slot; of one link in a mesh
  std::vector<MeshLink> mesh{};
  std::int64_t gpus_per_pcie_switch = 0;  ///< kPcie only, as are the next two
  std::int64_t sockets = 1;               ///< CPUs; PCIe switches belong to them in turn
  BytesPerSec socket_bandwidth{};         ///< between two CPUs, per direction
  std::vector<std::int64_t> dims{};   ///< kTorus, kHammingMesh: GPUs on each side, last one fastest
  bool wrap = true;                   ///< kTorus
  std::vector<std::int64_t> board{};  ///< kHammingMesh: GPUs on each side of a board
  Seconds link_latency{};             ///< kTorus, kHammingMesh
  std::int64_t nics = 8;              ///< local GPU g uses NIC g * nics / gpus
  BytesPerSec nic_bandwidth{};        ///< per NIC and direction
  Watts host_power{};                 ///< CPUs, fans, NICs, under load
};

enum class FabricKind : std::uint8_t {
  kSingleSwitch,   ///< all NICs on one non-blocking switch
  kRailOptimized,  ///< NIC i of every node of a pod on leaf switch i; leaves joined by a spine
  kRailOnly,       ///< NIC i of every node on switch i; nothing joins the switches
  kFatTree,        ///< all NICs of a node on one leaf; two or three levels
  kDragonfly,      ///< groups of routers, every two groups joined
  kFullMesh,       ///< pods behind a switch each, every two pods joined
  kGraph,          ///< switches and links one by one
};

/// A NIC in an explicit graph.
struct NicPlug {
  std::int64_t node = 0, nic = 0;
  std::int64_t plugged_into = 0;  ///< place in FabricSpec::switches
};
/// Between two switches of an explicit graph, both ways.
struct SwitchLink {
  std::int64_t a = 0, b = 0;  ///< places in FabricSpec::switches
  BytesPerSec bandwidth{};    ///< per direction
  Seconds latency{};
};

struct FabricSpec {
  FabricKind kind = FabricKind::kRailOptimized;
  std::int64_t nodes_per_leaf = 32;
  double oversubscription = 1.0;  ///< leaf: bandwidth to nodes / bandwidth to the spine
  // kFatTree:
  std::int64_t leaves_per_pod = 0;      ///< 0: two levels
  double spine_oversubscription = 1.0;  ///< with three levels
  std::int64_t uplinks = 0;             ///< of a switch, which flows hash to; 0: sprayed
  // kDragonfly; kFullMesh has one router, the switch of a pod, in every group:
  std::int64_t nodes_per_router = 1, routers_per_group = 1;
  BytesPerSec local_bandwidth{}, global_bandwidth{};  ///< between two routers; between two groups
  Seconds local_latency{}, global_latency{};
  bool valiant = false;  ///< ways lead over a third group
  // kGraph:
  std::vector<std::string> switches{};
  std::vector<SwitchLink> switch_links{};
  std::vector<NicPlug> nic_plugs{};
};

/// Consecutive nodes that are alike.
struct NodeGroup {
  std::int64_t num_nodes = 1;
  Node node;
  Device device;
  std::string device_profile{};  ///< name of a file in topologies/calibrations/
};

/// Nodes at one place, which a fabric of their own joins.
struct DataCenter {
  std::string name;
  std::int64_t num_nodes = 1;
  FabricSpec fabric;
};

/// Between two data centres, both ways.
struct WanLink {
  std::int64_t a = 0, b = 0;  ///< places in Topology::data_centers
  BytesPerSec bandwidth;      ///< per direction
  Seconds latency;            ///< one way
};

/// A cluster (topologies/*.json).
struct Topology {
  std::string name;
  Device device;  ///< of the first node, as are `node` and `device_profile`
  Node node;
  FabricSpec fabric;                       ///< not used when there are data centres
  std::int64_t num_nodes = 1;              ///< how many there are at the most
  std::int64_t ranks_per_gpu = 1;          ///< share a GPU or core; see gpu_of_rank()
  std::vector<NodeGroup> node_groups{};    ///< in rank order; empty: all nodes are alike
  std::vector<DataCenter> data_centers{};  ///< in rank order; empty: one, with `fabric`
  std::vector<WanLink> wan{};
  std::string source;           ///< where the figures come from; empty: not said
  std::string device_profile;   ///< name of a file in topologies/calibrations/
  std::string network_profile;  ///< name of a file in topologies/networks/
  DollarsPerHour price_per_gpu_hour;
  DollarsPerJoule electricity_price;
  double power_usage_effectiveness = 1.0;  ///< facility power / IT power

  std::int64_t num_gpus() const;
  /// `node_groups`, or the one group that `num_nodes` and `node` make.
  std::vector<NodeGroup> all_groups() const;
  /// The first nodes that hold `num_gpus` GPUs, the last one perhaps in part.
  std::vector<NodeGroup> groups_for(std::int64_t num_gpus) const;
  bool has_one_device() const;  ///< all nodes have the same one

  /// Where ranks share GPUs (`ranks_per_gpu`), what counts GPUs elsewhere, Node::gpus first of all,
  /// counts the places of ranks, each with links of its own. GPUs come in rounds, as live ranks
  /// take them: of G GPUs in a node place p is on GPU p % G. By rank, equal where they share one.
  std::vector<std::uint32_t> gpu_of_rank(std::int64_t num_ranks) const;
  std::int64_t gpus_of(const Node& of) const { return of.gpus / ranks_per_gpu; }
};

/// The NIC that a GPU of a node uses, both counted from 0 within the node; -1 without NICs.
constexpr std::int64_t nic_of(const Node& node, std::int64_t gpu) {
  return node.nics == 0 ? -1 : gpu * node.nics / node.gpus;
}
/// The first GPU that uses NIC `nic`: other GPUs reach that NIC through it.
constexpr std::int64_t owner_of_nic(const Node& node, std::int64_t nic) {
  return nic * node.gpus / node.nics;
}

/// Reads a device object / a topology object. `device` of a topology is a name that `find_device`
/// resolves to a parsed document (throws Error when there is none). Mistakes, in the topology and
/// in its device, go to `problems`; the result is to be used only when there are none.
Device read_device(JsonValue value, Problems& problems);
Topology read_topology(JsonValue value, Problems& problems,
                       const std::function<JsonDocument(const std::string&)>& find_device);

/// Bounds that keep the sizes of tables sane.
inline constexpr std::int64_t kMostGpus = 1 << 20;
inline constexpr std::int64_t kMostNodes = 1 << 16;
inline constexpr std::int64_t kMostGpusPerNode = 1 << 16;
inline constexpr std::int64_t kMostRanksOfGpu = 64;

}  // namespace stepcast
