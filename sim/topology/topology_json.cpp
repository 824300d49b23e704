// topologies/*.json -> Topology. Everything is checked here, because SimGrid aborts the process on
// some bad numbers and silently believes others.
#include "sim/topology/shapes/fabric_shape.h"
#include "sim/topology/topology.h"

namespace stepcast {
namespace {

constexpr std::int64_t kMostGpus = 1 << 20;
// Any real link lies far inside. Outside, sums of transfer times lose their digits.
constexpr BytesPerSec kSlowestLink{1e3};
constexpr BytesPerSec kFastestLink{1e15};

template <typename Row>
std::vector<std::string_view> names_of(std::span<const Row> table) {
  std::vector<std::string_view> names;
  for (const Row& row : table) names.push_back(row.name);
  return names;
}

/// Whether reading has gone well since this object was made. A rule between fields is asked about
/// only when each of them is right, so that one mistake is one message.
class Faultless {
 public:
  explicit Faultless(const Problems& problems)
      : problems_(problems), before_(problems.all().size()) {}
  explicit operator bool() const { return problems_.all().size() == before_; }

 private:
  const Problems& problems_;
  std::size_t before_;
};

BytesPerSec read_rate(Fields& fields, std::string_view key, const Problems& problems) {
  const Faultless faultless(problems);
  const BytesPerSec rate = fields.quantity<BytesPerSec>(key);
  if (faultless && fields.has(key) && (rate < kSlowestLink || rate > kFastestLink))
    fields.reject(key, "= " + fields.value().member(key)->excerpt() +
                           " must lie between 1 kB/s and 1 PB/s per direction");
  return rate;
}

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
  node.gpus = fields.integer("gpus", {.min = 1, .max = 1024});
  const bool gpus_known(faultless);
  node.nics = fields.integer("nics", {.min = 0, .max = 1024});
  if (faultless) check_nics(fields, node);
  node.intra_bandwidth = read_rate(fields, "intra_bandwidth", problems);
  if (node.nics > 0 || fields.has("nic_bandwidth"))
    node.nic_bandwidth = read_rate(fields, "nic_bandwidth", problems);
  node.host_power = fields.quantity<Watts>("host_power", true);

  const Faultless shape_known(problems);
  const NodeShape& shape = node_shapes()[fields.choice("intra", names_of(node_shapes()))];
  node.intra = shape.kind;
  if (!gpus_known || !shape_known) return node;  // the other keys can't be judged
  shape.read(fields, problems, node);
  fields.finish();
  return node;
}

FabricSpec read_fabric(JsonValue value, Problems& problems) {
  const Faultless faultless(problems);
  Fields fields(std::move(value), problems);
  FabricSpec fabric;
  const FabricShape& shape = fabric_shapes()[fields.choice("kind", names_of(fabric_shapes()))];
  fabric.kind = shape.kind;
  if (!faultless) return fabric;
  shape.read(fields, problems, fabric);
  fields.finish();
  return fabric;
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

/// Nodes and what joins them.
void read_size(Fields& fields, Problems& problems, Topology& topology) {
  const Faultless faultless(problems);
  topology.num_nodes = fields.integer("num_nodes", {.min = 1, .max = kMostGpus});
  if (const auto node = fields.required_child("node")) topology.node = read_node(*node, problems);
  if (!faultless) return void(fields.child("fabric"));
  if (topology.num_gpus() > kMostGpus)
    fields.reject("num_nodes", "= " + std::to_string(topology.num_nodes) + " makes " +
                                   std::to_string(topology.num_gpus()) +
                                   " GPUs; there must be at most " + std::to_string(kMostGpus));
  if (topology.num_nodes > 1 && topology.node.nics == 0)
    fields.reject("num_nodes", "= " + std::to_string(topology.num_nodes) +
                                   ", but node.nics = 0 leaves the nodes disconnected; give them "
                                   "NICs or set num_nodes to 1");
  const bool alone = topology.num_nodes == 1;
  const auto fabric = alone ? fields.child("fabric") : fields.required_child("fabric");
  topology.fabric =
      fabric ? read_fabric(*fabric, problems) : FabricSpec{.kind = FabricKind::kSingleSwitch};
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

Topology read_topology(JsonValue value, Problems& problems,
                       const std::function<JsonDocument(const std::string&)>& find_device) {
  Fields fields(std::move(value), problems);
  Topology topology;
  topology.name = fields.text("name");
  topology.device = read_named_device(fields, problems, find_device);
  read_size(fields, problems, topology);
  topology.device_profile = fields.text("device_profile");
  topology.network_profile = fields.text("network_profile");
  read_prices(fields, topology);
  topology.source = fields.text("source", "");
  fields.finish();
  return topology;
}

}  // namespace stepcast
