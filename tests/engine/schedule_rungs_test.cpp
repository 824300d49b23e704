// Algorithms that are followed transfer by transfer: their closed form is the textbook's, they run
// as themselves chunk by chunk in the same time, and groups that can't are told why.
#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "sim/base/error.h"
#include "tests/engine/rungs.h"

namespace stepcast {
namespace {

NetworkProfile forced(CollectiveKind kind, Algorithm algorithm, double intra = 0,
                      double inter = 0) {
  NetworkProfile profile = with_hops(intra, inter);
  profile.choices.of(kind).algorithms = {algorithm};
  return profile;
}

FlowPlan plan_of(const Fabric& fabric, const std::vector<std::uint32_t>& ranks,
                 const NetworkProfile& profile, CollectiveKind kind, Bytes size) {
  const auto ways = scheduled_ways(profile.choices);
  const GroupGeometry group(fabric, ranks, false, ways);
  FlowPlan plan = plan_collective(group, profile, kind, size);
  plan.links = {};  // the group's
  return plan;
}

Topology torus(std::vector<std::int64_t> dims) {
  Topology topology = nvswitch_cluster({});
  topology.node.intra = IntraNode::kTorus;
  topology.node.intra_bandwidth = BytesPerSec(50e9);
  topology.node.gpus = 1;
  for (const std::int64_t size : dims) topology.node.gpus *= size;
  topology.node.nics = 0;
  topology.node.dims = std::move(dims);
  return topology;
}

TEST(ScheduleTiming, HalvingDoublingMeetsTheTextbook) {
  // 2 nodes of 8, 300 and 25 GB/s, 4.8 GB: in the node 2 * 4.8 * (1/2 + 1/4 + 1/8) = 8.4 GB, 28 ms;
  // between nodes 2 * 4.8 / 16 = 0.6 GB, 24 ms. Hops: 6 of 1 us, 2 of 5 us.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const NetworkProfile profile =
      forced(CollectiveKind::kAllReduce, Algorithm::kHalvingDoubling, 1e-6, 5e-6);
  const FlowPlan plan =
      plan_of(fabric, gpus(16), profile, CollectiveKind::kAllReduce, Bytes(4'800'000'000));
  EXPECT_EQ(plan.algorithm, Algorithm::kHalvingDoubling);
  EXPECT_NEAR(plan.uncontended.value(), 52e-3 + 16e-6, 1e-10);
}

/// Seconds, of 2^k ranks that are all alike: `alpha` for a message, `beta` for a byte. Recursive
/// halving, or doubling, takes k alpha + (n-1)/n S beta, and an all-reduce both [Thakur,
/// Rabenseifner and Gropp, Optimization of Collective Communication Operations in MPICH, 2005,
/// sections 4.1, 4.3 and 4.4].
double halving_doubling_time(CollectiveKind kind, std::uint32_t ranks, double alpha, double beta,
                             double size) {
  const double n = ranks;
  const double once = (std::bit_width(ranks) - 1) * alpha + (n - 1) / n * size * beta;
  return kind == CollectiveKind::kAllReduce ? 2 * once : once;
}

TEST(ScheduleTiming, HalvingDoublingMeetsThakurForAllCountsThatItDoes) {
  for (const CollectiveKind kind :
       {CollectiveKind::kAllReduce, CollectiveKind::kAllGather, CollectiveKind::kReduceScatter})
    for (std::uint32_t ranks = 2; ranks <= 256; ranks *= 2) {
      Topology topology = nvswitch_cluster({});
      topology.node.gpus = ranks;
      topology.node.nics = 0;
      const Fabric fabric(topology, ranks);
      const std::int64_t size = 4'800'000'000;
      EXPECT_NEAR(plan_of(fabric, gpus(ranks),
                          forced(kind, Algorithm::kHalvingDoubling, 1e-6, 5e-6), kind, Bytes(size))
                      .uncontended.value(),
                  halving_doubling_time(kind, ranks, 1e-6, 1 / 300e9, static_cast<double>(size)),
                  1e-10)
          << name_of(kind) << " " << ranks;
    }
}

TEST(ScheduleTiming, HierarchicalMeetsTheTextbook) {
  // 4 nodes of 8, 4.8 GB: 2 * 4.8 * 7/8 = 8.4 GB in the node, 28 ms; 2 * 4.8/8 * 3/4 = 0.9 GB over
  // each NIC, 36 ms. Hops: 14 of 1 us, 6 of 5 us.
  const Fabric fabric(nvswitch_cluster({.nodes = 4}), 32);
  const NetworkProfile profile =
      forced(CollectiveKind::kAllReduce, Algorithm::kHierarchical, 1e-6, 5e-6);
  EXPECT_NEAR(plan_of(fabric, gpus(32), profile, CollectiveKind::kAllReduce, Bytes(4'800'000'000))
                  .uncontended.value(),
              64e-3 + 44e-6, 1e-10);
}

TEST(ScheduleTiming, PatMeetsTheTextbook) {
  // 6 nodes of one rank, 1.5 GB: 1.5 * 5/6 = 1.25 GB at 25 GB/s, 50 ms, and 3 hops of 5 us.
  const Fabric fabric(nvswitch_cluster({.nodes = 6}), 48);
  for (CollectiveKind kind : {CollectiveKind::kAllGather, CollectiveKind::kReduceScatter})
    EXPECT_NEAR(plan_of(fabric, gpus(6, 8), forced(kind, Algorithm::kPat, 1e-6, 5e-6), kind,
                        Bytes(1'500'000'000))
                    .uncontended.value(),
                50e-3 + 15e-6, 1e-10);
}

TEST(ScheduleTiming, TorusMeetsTheTextbook) {
  // 4 x 4, four links of 50 GB/s each way, 16 GB: 2 * 16 * 15/16 = 30 GB over 200 GB/s, 150 ms; 12
  // hops of 1 us.
  const Fabric fabric(torus({4, 4}), 16);
  const NetworkProfile profile = forced(CollectiveKind::kAllReduce, Algorithm::kTorus, 1e-6, 5e-6);
  EXPECT_NEAR(plan_of(fabric, gpus(16), profile, CollectiveKind::kAllReduce, Bytes(16'000'000'000))
                  .uncontended.value(),
              150e-3 + 12e-6, 1e-9);
}

TEST(ScheduleLoads, LinksCarryTheBytesOfAllSteps) {
  // 2 nodes of 8, halving and doubling: of 16 chunks a GPU sends 28 inside its node, 2 over its
  // NIC. So the unit is 2 chunks, and weighs 14 and 1.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const std::vector<ScheduledWay> ways{{CollectiveKind::kAllReduce, Algorithm::kHalvingDoubling}};
  const GroupGeometry group(fabric, gpus(16), false, ways);
  const ScheduleLoads& loads = group.schedules().front();
  EXPECT_EQ(loads.chunks_per_unit, 2u);
  for (const LinkWeight& use : loads.links)
    EXPECT_EQ(use.weight, is_inter_node(fabric.links()[use.link].kind) ? 1u : 14u) << use.link;
}

TEST(ScheduleRungs, AloneTheyTakeWhatTheirChunksTake) {
  struct Row {
    std::string name;
    Topology topology;
    std::vector<std::uint32_t> ranks;
    CollectiveKind kind;
    Algorithm algorithm;
  };
  const Topology nodes = nvswitch_cluster({.nodes = 4}),
                 shared = nvswitch_cluster({.nodes = 4, .nics = 4});
  const Topology seven = nvswitch_cluster({.nodes = 7});
  using enum CollectiveKind;
  using enum Algorithm;
  const std::vector<Row> rows{
      {"halving and doubling", nodes, gpus(32), kAllReduce, kHalvingDoubling},
      {"halving", nodes, gpus(32), kReduceScatter, kHalvingDoubling},
      {"doubling", nodes, gpus(32), kAllGather, kHalvingDoubling},
      {"halving and doubling, shared NICs", shared, gpus(32), kAllReduce, kHalvingDoubling},
      {"hierarchical", nodes, gpus(32), kAllReduce, kHierarchical},
      {"hierarchical, 3 nodes, shared NICs", shared, gpus(24), kAllReduce, kHierarchical},
      {"PAT gathers", seven, gpus(7, 8), kAllGather, kPat},
      {"PAT scatters", seven, gpus(7, 8), kReduceScatter, kPat},
      {"torus 4 x 4", torus({4, 4}), gpus(16), kAllReduce, kTorus},
      {"torus 3 x 3 x 3", torus({3, 3, 3}), gpus(27), kAllReduce, kTorus},
  };
  for (const Row& row : rows) {
    const Fabric fabric(row.topology, row.topology.num_gpus());
    const NetworkProfile profile = forced(row.kind, row.algorithm, 0.2e-6, 1e-6);
    const std::vector<Launch> launch{{row.ranks, row.kind, Bytes(8'000'000'000)}};
    EXPECT_NEAR(fluid(fabric, profile, launch)[0] / messages(fabric, profile, launch)[0], 1, 0.005)
        << row.name;
  }
}

TEST(ScheduledWays, AreTakenOnlyWhenAskedFor) {
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const std::vector<ScheduledWay> ways{{CollectiveKind::kAllReduce, Algorithm::kHierarchical}};
  const GroupGeometry group(fabric, gpus(16), false, ways);
  EXPECT_FALSE(is_scheduled(
      plan_collective(group, with_hops(0, 0), CollectiveKind::kAllReduce, Bytes(1 << 30))
          .algorithm));
}

TEST(ScheduledWays, RefusalsSayWhatIsMissing) {
  const auto refusal = [](const Topology& topology, std::uint32_t ranks, CollectiveKind kind,
                          Algorithm algorithm) -> std::string {
    const Fabric fabric(topology, topology.num_gpus());
    try {
      plan_of(fabric, gpus(ranks), forced(kind, algorithm), kind, Bytes(1 << 20));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const Topology nodes = nvswitch_cluster({.nodes = 4});
  const auto all_reduce = CollectiveKind::kAllReduce, all_gather = CollectiveKind::kAllGather;
  const auto expect = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(refusal(nodes, 24, all_reduce, Algorithm::kHalvingDoubling), "a power of two of GPUs");
  expect(refusal(nodes, 20, all_reduce, Algorithm::kHierarchical), "equally many GPUs");
  expect(refusal(nodes, 16, all_gather, Algorithm::kPat), "one GPU per node");
  expect(refusal(nodes, 16, all_gather, Algorithm::kTorus), "no such algorithm");
  expect(refusal(torus({3, 4}), 12, all_reduce, Algorithm::kTorus), "sides are equal");
}

}  // namespace
}  // namespace stepcast
