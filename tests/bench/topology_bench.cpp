// Networks of up to 16,384 GPUs: building the table of links, and an all-reduce over all ranks.
#include <benchmark/benchmark.h>

#include "sim/engine/collective_flows.h"
#include "sim/scenario/scenario.h"

namespace stepcast {
namespace {

Topology nodes_of_eight(std::int64_t gpus, FabricSpec fabric) {
  Topology topology;
  topology.num_nodes = gpus / 8;
  topology.node.gpus = 8;
  topology.node.intra_bandwidth = BytesPerSec(450e9);
  topology.node.nics = 8;
  topology.node.nic_bandwidth = BytesPerSec(50e9);
  topology.fabric = std::move(fabric);
  return topology;
}

Topology rails(std::int64_t gpus) {
  return nodes_of_eight(gpus, {.kind = FabricKind::kRailOptimized});
}

/// Groups of 16 routers with 8 nodes each.
Topology dragonfly(std::int64_t gpus) {
  return nodes_of_eight(gpus, {.kind = FabricKind::kDragonfly,
                               .nodes_per_router = 8,
                               .routers_per_group = 16,
                               .local_bandwidth = BytesPerSec(400e9),
                               .global_bandwidth = BytesPerSec(3.2e12)});
}

/// As near to a cube as powers of two come.
Topology torus(std::int64_t gpus) {
  Topology topology;
  topology.node.gpus = gpus;
  topology.node.intra = IntraNode::kTorus;
  topology.node.nics = 0;
  topology.node.intra_bandwidth = BytesPerSec(50e9);
  topology.node.dims = {1, 1, 1};
  for (std::size_t d = 0; gpus > 1; gpus /= 2, ++d) topology.node.dims[d % 3] *= 2;
  return topology;
}

void BM_BuildFabric(benchmark::State& state, Topology (*make)(std::int64_t gpus)) {
  const Topology topology = make(state.range(0));
  std::size_t links = 0;
  for (auto _ : state) links = Fabric(topology, state.range(0)).links().size();
  state.counters["links"] = static_cast<double>(links);
  state.counters["link_table_bytes"] = static_cast<double>(links * sizeof(Link));
}

/// Geometry and plan; no flow, since alone it takes its closed form.
void BM_AllReduceOverAll(benchmark::State& state, Topology (*make)(std::int64_t gpus)) {
  const Fabric fabric(make(state.range(0)), state.range(0));
  const Library library = find_library();
  const NetworkProfile profile = for_generation(load_network_profile("nccl-ib", library), "hopper");
  std::vector<std::uint32_t> gpus;
  for (std::uint32_t gpu = 0; gpu < fabric.num_gpus(); ++gpu) gpus.push_back(gpu);
  for (auto _ : state) {
    const GroupGeometry group(fabric, gpus, false);
    benchmark::DoNotOptimize(
        plan_collective(group, profile, CollectiveKind::kAllReduce, Bytes(1 << 30)));
  }
}

#define STEPCAST_NETWORK_BENCH(name)            \
  BENCHMARK_CAPTURE(name, rail_fat_tree, rails) \
      ->RangeMultiplier(4)                      \
      ->Range(64, 16384)                        \
      ->Unit(benchmark::kMillisecond);          \
  BENCHMARK_CAPTURE(name, dragonfly, dragonfly) \
      ->RangeMultiplier(4)                      \
      ->Range(64, 16384)                        \
      ->Unit(benchmark::kMillisecond);          \
  BENCHMARK_CAPTURE(name, torus, torus)         \
      ->RangeMultiplier(4)                      \
      ->Range(64, 16384)                        \
      ->Unit(benchmark::kMillisecond)
STEPCAST_NETWORK_BENCH(BM_BuildFabric);
STEPCAST_NETWORK_BENCH(BM_AllReduceOverAll);

}  // namespace
}  // namespace stepcast
