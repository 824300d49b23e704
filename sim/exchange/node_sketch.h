// What tools of NVIDIA's say of one node, before the gaps are filled: the common ground of the
// importers. A reader makes a sketch of a file; topology_text() makes a topologies/*.json of a
// sketch and of what the user adds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/topology/topology.h"

namespace stepcast {

struct NicSketch {
  std::string name;       ///< "mlx5_0"
  BytesPerSec bandwidth;  ///< per direction; zero: not said
};

/// How the GPUs of a node reach each other.
enum class Joints : std::uint8_t {
  kNvswitch,  ///< `switch_nvlinks` of every GPU lead to NVSwitches
  kPairs,     ///< `nvlinks`, pair by pair
  kAllAlike,  ///< every pair is given the same number: NVSwitch or mesh, the device tells which
  kPcie,      ///< no NVLinks; `gpus_per_pcie_switch`
};

struct NodeSketch {
  std::string source;  ///< "imported from topo.xml (NCCL topology)"
  std::int64_t gpus = 0;
  std::int64_t compute_capability = 0;  ///< 80 for sm80; 0: not said
  Joints joints = Joints::kPcie;
  std::int64_t switch_nvlinks = 0;
  std::vector<MeshLink> nvlinks;  ///< a < b, each pair once
  std::int64_t gpus_per_pcie_switch = 1;
  BytesPerSec pcie_bandwidth;  ///< of a GPU's slot, per direction; zero: not said
  std::vector<NicSketch> nics;
  std::vector<std::string> notes;  ///< what was left out or put together, a sentence each
};

/// The size up to which a file is read; real ones have some 20 KB.
inline constexpr std::size_t kMaxImportBytes = std::size_t{4} << 20;

/// NCCL_TOPO_DUMP_FILE's XML, as NCCL 2.30 writes and reads it (src/graph/xml.cc, topo.cc). `file`
/// stands for the text in messages. Throws Error: kInput with every mistake, each with its line,
/// element and attribute; kUnsupported for a sound node that no shape of ours describes.
NodeSketch read_nccl_topology(const std::string& text, const std::string& file);

/// The matrix of `nvidia-smi topo -m`, with or without its legends, colours and affinity columns.
/// NICs that are farther from every GPU than others are left out (storage and management), with a
/// note. Throws like read_nccl_topology().
NodeSketch read_nvidia_smi_topology(const std::string& text, const std::string& file);

/// What a file on one node can't say. Empty: not said by the user either.
struct ImportOptions {
  std::string name;    ///< of the topology
  std::string device;  ///< topologies/devices/
  std::string device_profile, network_profile;
  std::int64_t num_nodes = 0;
  std::string nic_bandwidth, nvlink_bandwidth, pcie_bandwidth, host_power;  ///< with their units
  std::vector<std::string> nics;                                            ///< only these, by name
};

/// A topology file. `device` is the one that the options name, if they do. NICs that are several
/// times as many as GPUs become one for each GPU, with the sum of their rates. Throws Error: kUsage
/// naming every option that is missing or makes no sense, kInput when the device is not what the
/// file describes, kUnsupported when the NICs can't be shared out evenly.
std::string topology_text(NodeSketch sketch, const ImportOptions& options,
                          const std::optional<Device>& device);

}  // namespace stepcast
