// topologies/*.json -> Topology. Everything is checked here, because SimGrid aborts the process on
// some bad numbers and silently believes others.
#include "sim/topology/topology_json.h"

#include <algorithm>

namespace stepcast {
namespace {

// Any real link lies far inside. Outside, sums of transfer times lose their digits.
constexpr BytesPerSec kSlowestLink{1e3};
constexpr BytesPerSec kFastestLink{1e15};
constexpr Seconds kLongestLatency{10};  // to the moon and back takes a quarter of it
// In one NVLink domain; grids of chips may be larger.
constexpr std::int64_t kMostGpusOfSwitch = 1024;

/// Each GPU belongs to one NIC and each NIC to equally many GPUs.
void check_nics(Fields& fields, const Node& node) {
  const std::string found = "= " + std::to_string(node.nics);
  const std::string gpus = std::to_string(node.gpus);
  if (node.nics > node.gpus)
    fields.reject("nics", found + " must not exceed gpus = " + gpus +
                              "; give several NICs of one GPU as one with the sum of their rates");
  else if (node.nics > 0 && node.gpus % node.nics != 0)
    fields.reject(
        "nics", found + " must divide gpus = " + gpus + ", so that every NIC serves as many GPUs");
}

Node read_node(JsonValue value, Problems& problems) {
  const Faultless faultless(problems);
  Fields fields(std::move(value), problems);
  Node node;
  node.gpus = fields.integer("gpus", {.min = 1, .max = kMostGpusPerNode});
  const bool gpus_known(faultless);
  node.nics = fields.integer("nics", {.min = 0, .max = kMostGpusPerNode});
  if (faultless) check_nics(fields, node);
  node.intra_bandwidth = read_rate(fields, "intra_bandwidth", problems);
  if (node.nics > 0 || fields.has("nic_bandwidth"))
    node.nic_bandwidth = read_rate(fields, "nic_bandwidth", problems);
  node.host_power = fields.quantity<Watts>("host_power", true);

  const Faultless shape_known(problems);
  const NodeShape& shape = node_shapes()[fields.choice("intra", names_of(node_shapes()))];
  node.intra = shape.kind;
  if (!gpus_known || !shape_known) return node;  // the other keys can't be judged
  const bool is_grid = node.intra == IntraNode::kTorus || node.intra == IntraNode::kHammingMesh;
  if (!is_grid && node.gpus > kMostGpusOfSwitch)
    fields.reject("gpus", "= " + std::to_string(node.gpus) + " must be at most " +
                              std::to_string(kMostGpusOfSwitch) + " in a node that is no grid");
  shape.read(fields, problems, node);
  fields.finish();
  return node;
}

Device read_named_device(Fields& fields, Problems& problems,
                         const std::function<JsonDocument(const std::string&)>& find_device) {
  const Faultless faultless(problems);
  const std::string name = fields.text("device");
  if (!faultless) return {};
  try {
    return read_device(find_device(name).root(), problems);
  } catch (const Error& error) {
    for (const Problem& problem : error.problems()) {
      if (problem.file.empty())
        fields.reject("device", "= \"" + name + "\": " + problem.message);
      else
        problems.add(problem);
    }
    return {};
  }
}

using FindDevice = std::function<JsonDocument(const std::string&)>;

/// One of `node_groups`; what it does not say about its device is as for the whole cluster.
NodeGroup read_group(const JsonValue& value, const Topology& topology, Problems& problems,
                     const FindDevice& find_device) {
  Fields fields(value, problems);
  NodeGroup group{.num_nodes = fields.integer("num_nodes", {.min = 1, .max = kMostNodes}),
                  .node = {},
                  .device = topology.device,
                  .device_profile = fields.text("device_profile", topology.device_profile)};
  if (fields.has("device")) group.device = read_named_device(fields, problems, find_device);
  if (const auto node = fields.required_child("node")) group.node = read_node(*node, problems);
  fields.finish();
  return group;
}

void read_groups(const JsonValue& list, Topology& topology, Problems& problems,
                 const FindDevice& find_device) {
  if (!list.is_array() || list.elements().empty())
    return problems.add(list.problem("must be a list of {\"num_nodes\", \"node\", ...}"));
  for (const JsonValue& element : list.elements())
    topology.node_groups.push_back(read_group(element, topology, problems, find_device));
  topology.num_nodes = 0;
  for (const NodeGroup& group : topology.node_groups) topology.num_nodes += group.num_nodes;
  topology.node = topology.node_groups.front().node;
}

/// The nodes: all alike, or group by group.
void read_nodes(Fields& fields, Problems& problems, Topology& topology,
                const FindDevice& find_device) {
  if (const auto groups = fields.child("node_groups")) {
    for (const std::string_view key : {"num_nodes", "node"})
      if (fields.has(key)) fields.reject(key, "must not stand beside node_groups");
    fields.child("num_nodes"), fields.child("node");
    return read_groups(*groups, topology, problems, find_device);
  }
  topology.num_nodes = fields.integer("num_nodes", {.min = 1, .max = kMostNodes});
  if (const auto node = fields.required_child("node")) topology.node = read_node(*node, problems);
}

void check_size(Fields& fields, const Topology& topology) {
  const std::string_view key = topology.node_groups.empty() ? "num_nodes" : "node_groups";
  const std::string found = topology.node_groups.empty()
                                ? "= " + std::to_string(topology.num_nodes) + ", but node.nics = 0"
                                : "has a node whose nics = 0, which";
  if (topology.num_gpus() > kMostGpus)
    fields.reject(key, "= " + std::to_string(topology.num_nodes) + " makes " +
                           std::to_string(topology.num_gpus()) + " GPUs; there must be at most " +
                           std::to_string(kMostGpus));
  if (topology.num_nodes > kMostNodes)
    fields.reject(key, "makes " + std::to_string(topology.num_nodes) +
                           " nodes; there must be at most " + std::to_string(kMostNodes));
  const std::vector<NodeGroup> groups = topology.all_groups();
  const bool stranded =
      std::ranges::any_of(groups, [](const NodeGroup& group) { return group.node.nics == 0; });
  if (topology.num_nodes > 1 && stranded)
    fields.reject(key,
                  found + " leaves the nodes disconnected; give them NICs or set num_nodes to 1");
}

/// What joins the nodes.
void read_fabrics(Fields& fields, Problems& problems, Topology& topology) {
  topology.fabric.kind = FabricKind::kSingleSwitch;
  if (fields.has("data_centers")) {
    if (fields.has("fabric")) fields.reject("fabric", "must not stand beside data_centers");
    fields.child("fabric");
    return read_data_centers(fields, problems, topology);
  }
  const auto fabric =
      topology.num_nodes == 1 ? fields.child("fabric") : fields.required_child("fabric");
  if (fabric) topology.fabric = read_fabric(*fabric, problems, topology.all_groups());
}

/// After the nodes, whose places they share.
void read_sharing(Fields& fields, Problems& problems, Topology& topology) {
  const Faultless faultless(problems);
  topology.ranks_per_gpu = fields.integer("ranks_per_gpu", {.min = 1, .max = kMostRanksOfGpu}, 1);
  if (!faultless) return;
  for (const NodeGroup& group : topology.all_groups())
    if (group.node.gpus % topology.ranks_per_gpu != 0)
      return fields.reject(
          "ranks_per_gpu",
          "= " + std::to_string(topology.ranks_per_gpu) +
              " must divide the gpus of every node, which are the places of ranks, and one has " +
              std::to_string(group.node.gpus));
}

/// Nodes and what joins them.
void read_size(Fields& fields, Problems& problems, Topology& topology,
               const FindDevice& find_device) {
  const Faultless faultless(problems);
  read_nodes(fields, problems, topology, find_device);
  if (!faultless) {  // the rest can't be judged
    for (const std::string_view key : {"fabric", "data_centers", "wan", "ranks_per_gpu"})
      fields.child(key);
    return;
  }
  check_size(fields, topology);
  read_sharing(fields, problems, topology);
  read_fabrics(fields, problems, topology);
}

void read_prices(Fields& fields, Topology& topology) {
  topology.price_per_gpu_hour =
      fields.quantity<DollarsPerHour>("price_per_gpu_hour", DollarsPerHour{}, true);
  topology.electricity_price =
      fields.quantity<DollarsPerJoule>("electricity_price", DollarsPerJoule{}, true);
  topology.power_usage_effectiveness =
      fields.number("power_usage_effectiveness", {.min = 1, .max = 10}, 1.0);
}

}  // namespace

FabricSpec read_fabric(JsonValue value, Problems& problems, std::span<const NodeGroup> groups) {
  const Faultless faultless(problems);
  Fields fields(std::move(value), problems);
  FabricSpec fabric;
  const FabricShape& shape = fabric_shapes()[fields.choice("kind", names_of(fabric_shapes()))];
  fabric.kind = shape.kind;
  if (!faultless) return fabric;
  shape.read(fields, problems, fabric);
  fields.finish();
  if (faultless && shape.check) shape.check(fields.value(), groups, fabric, problems);
  return fabric;
}

BytesPerSec read_rate(Fields& fields, std::string_view key, Problems& problems) {
  const Faultless faultless(problems);
  const BytesPerSec rate = fields.quantity<BytesPerSec>(key);
  if (faultless && fields.has(key) && (rate < kSlowestLink || rate > kFastestLink))
    fields.reject(key, "= " + fields.value().member(key)->excerpt() +
                           " must lie between 1 kB/s and 1 PB/s per direction");
  return rate;
}

Seconds read_latency(Fields& fields, std::string_view key) {
  const Seconds latency = fields.quantity<Seconds>(key, Seconds{}, true);
  if (latency > kLongestLatency)
    fields.reject(key, "= " + fields.value().member(key)->excerpt() + " must be at most 10 s");
  return latency;
}

Topology read_topology(JsonValue value, Problems& problems,
                       const std::function<JsonDocument(const std::string&)>& find_device) {
  Fields fields(std::move(value), problems);
  Topology topology;
  topology.name = fields.text("name");
  topology.device = read_named_device(fields, problems, find_device);
  topology.device_profile = fields.text("device_profile");
  read_size(fields, problems, topology, find_device);
  topology.network_profile = fields.text("network_profile");
  read_prices(fields, topology);
  topology.source = fields.text("source", "");
  fields.finish();
  return topology;
}

}  // namespace stepcast
