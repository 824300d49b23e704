#include "tools/cli/collective_setup.h"

#include <set>
#include <span>
#include <utility>

#include "sim/base/plain_text.h"
#include "sim/scenario/scenario.h"

namespace stepcast::cli {
namespace {

/// The set that an option names.
template <typename Set>
Set parsed(const char* option, const std::string& text, Set (*parse)(std::string_view)) {
  try {
    return parse(text);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, std::string(option) + " " + text + ": " + error.what());
  }
}

BenchSettings settings_of(const CollectiveArguments& arguments) {
  BenchSettings settings;
  if (arguments.single_process) settings.launch = BenchLaunch::kSingleProcess;
  if (!arguments.algorithm.empty())
    settings.choice.algorithms = parsed("--algorithm", arguments.algorithm, parse_algorithms);
  if (!arguments.protocol.empty())
    settings.choice.protocols = parsed("--protocol", arguments.protocol, parse_protocols);
  return settings;
}

/// Of the generations among the first nodes that differ from the first one's.
std::vector<NetworkProfile> further_networks(const CollectiveSetup& setup,
                                             const NetworkProfile& network) {
  std::vector<NetworkProfile> networks;
  std::set<std::string> seen = {setup.topology.device.generation};
  std::int64_t nodes = (setup.gpus + setup.per_node - 1) / setup.per_node;
  for (const NodeGroup& group : setup.topology.all_groups()) {
    if (nodes <= 0) break;
    nodes -= group.num_nodes;
    if (seen.insert(group.device.generation).second)
      networks.push_back(for_generation(network, group.device.generation));
  }
  return networks;
}

}  // namespace

BenchOp op_of_option(const std::string& text) {
  try {
    return find_bench_op(text);
  } catch (const Error& error) {
    throw Error(ErrorKind::kUsage, std::string("--op: ") + error.what());
  }
}

Fabric CollectiveSetup::fabric() const {
  const std::int64_t nodes = (gpus + per_node - 1) / per_node;
  if (nodes > topology.num_nodes)
    throw Error(ErrorKind::kInfeasible,
                "--gpus " + std::to_string(gpus) + " at " + std::to_string(per_node) +
                    " per node need " + counted(nodes, "node") + "; topology \"" + topology.name +
                    "\" has " + std::to_string(topology.num_nodes));
  const bool alike = topology.node_groups.empty();
  return Fabric(topology, alike ? nodes * topology.node.gpus : topology.num_gpus());
}

FlowPlan CollectiveSetup::plan(const CollectiveBench& bench, Bytes size) const {
  FlowPlan slowest = bench.plan(network, size, settings);
  for (const NetworkProfile& other : further_networks)
    if (const FlowPlan plan = bench.plan(other, size, settings);
        plan.uncontended > slowest.uncontended)
      slowest = plan;
  return slowest;
}

CollectiveSetup set_up_collective(const CollectiveArguments& arguments,
                                  std::vector<std::int64_t> sizes) {
  CollectiveSetup setup;
  setup.sizes = std::move(sizes);
  setup.settings = settings_of(arguments);
  const Library library = find_library();
  setup.topology = load_topology(arguments.topology, library);
  setup.op = op_of_option(arguments.op);
  const std::string& profile = arguments.network_profile.empty() ? setup.topology.network_profile
                                                                 : arguments.network_profile;
  const NetworkProfile network = load_network_profile(profile, library);
  setup.network = for_generation(network, setup.topology.device.generation);
  setup.gpus = arguments.gpus;
  setup.per_node = arguments.per_node == 0 ? setup.topology.node.gpus : arguments.per_node;
  if (setup.per_node > setup.topology.node.gpus)
    throw Error(ErrorKind::kUsage,
                "--per-node " + std::to_string(setup.per_node) + " is more than the " +
                    counted(setup.topology.node.gpus, "GPU") + " that a node has");
  setup.further_networks = further_networks(setup, network);
  return setup;
}

double algorithm_bandwidth(std::int64_t size, Seconds time) {
  return time.value() > 0 ? static_cast<double>(size) / time.value() / 1e9 : 0.0;
}

}  // namespace stepcast::cli
