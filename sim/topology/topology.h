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
  kNvswitch,  ///< every GPU has one up and one down link into a non-blocking switch
  kMesh,      ///< NVLinks pair by pair (DGX-1 hybrid cube mesh)
  kPcie,      ///< GPUs under PCIe switches, hosts between
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
  std::int64_t gpus_per_pcie_switch = 0;  ///< kPcie only
  std::int64_t nics = 8;                  ///< local GPU g uses NIC g * nics / gpus
  BytesPerSec nic_bandwidth{};            ///< per NIC and direction
  Watts host_power{};                     ///< CPUs, fans, NICs, under load
};

enum class FabricKind : std::uint8_t {
  kSingleSwitch,   ///< all NICs on one non-blocking switch
  kRailOptimized,  ///< NIC i of every node of a pod on leaf switch i; leaves joined by a spine
};

struct FabricSpec {
  FabricKind kind = FabricKind::kRailOptimized;
  std::int64_t nodes_per_leaf = 32;
  double oversubscription = 1.0;  ///< leaf: bandwidth to nodes / bandwidth to the spine
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

}  // namespace stepcast
