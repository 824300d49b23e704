// What `stepcast collective` was asked for, read from the command line and the files that it names.
#pragma once

#include <string>
#include <vector>

#include "sim/engine/collective_bench.h"
#include "sim/topology/topology.h"

namespace stepcast::cli {

struct CollectiveArguments {
  std::string topology;
  std::string op = "all_reduce";
  std::int64_t gpus = 8;
  std::int64_t per_node = 0;  // 0: full nodes
  std::string network_profile;
  std::string algorithm, protocol;
  std::string concurrent;  // empty: one group of all ranks
  bool single_process = false;
};

struct CollectiveSetup {
  Topology topology;
  NetworkProfile network;                        ///< for the generation of topology.device
  std::vector<NetworkProfile> further_networks;  ///< for the others among the nodes in use
  BenchOp op{};
  std::int64_t gpus = 0, per_node = 0;
  BenchSettings settings;
  std::vector<std::int64_t> sizes;

  /// The nodes that are used, and no more: a large topology makes large tables of links. Throws
  /// Error(kInfeasible) when there are not enough.
  Fabric fabric() const;
  /// Members of different generations know the network differently: the slowest sets the pace.
  FlowPlan plan(const CollectiveBench& bench, Bytes size) const;
};

/// Of --op, by name with or without underscores. Throws Error(kUsage) with what is known.
BenchOp op_of_option(const std::string& text);

/// `sizes` in bytes. Throws Error(kUsage) and the errors of the files.
CollectiveSetup set_up_collective(const CollectiveArguments& arguments,
                                  std::vector<std::int64_t> sizes);

/// Size over time, in 1e9 bytes per second; 0 when no time passes.
double algorithm_bandwidth(std::int64_t size, Seconds time);

/// The table or JSON document of --concurrent; `split` is its argument.
std::string concurrent_collectives(const CollectiveSetup& setup, const std::string& split,
                                   bool json);

}  // namespace stepcast::cli
