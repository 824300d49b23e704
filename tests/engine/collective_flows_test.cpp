// What collectives load and how long they take: closed forms on an ideal network, the model's test
// vectors on shipped profiles, and that a plan run on an idle network takes exactly its own figure.
#include "sim/engine/collective_flows.h"

#include <gtest/gtest.h>

#include <numeric>

#include "sim/engine/flow_solver.h"
#include "tests/engine/small_clusters.h"

namespace stepcast {
namespace {

std::uint32_t weight_of(const LinkWeights& weights, LinkId link) {
  for (const LinkWeight& use : weights)
    if (use.link == link) return use.weight;
  return 0;
}

/// The time a plan takes when it is simulated alone.
double simulated(const Fabric& fabric, const NetworkProfile& profile, const FlowPlan& plan) {
  FlowSolver& solver = simgrid_solver();
  solver.reset(effective_capacities(fabric, profile));
  std::vector<std::uint32_t> path;
  append_path(plan.links, path);
  double end = -1;
  solver.at(plan.latency.value(),
            [&] { solver.start(path, plan.bytes, plan.rate_bound, [&] { end = solver.now(); }); });
  solver.run();
  return end;
}

// ---- Geometry ---------------------------------------------------------------------------------

TEST(GroupGeometry, OneNodeBehindASwitchIsOneRing) {
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const GroupGeometry group(fabric, gpus(8));
  EXPECT_EQ(group.num_nodes(), 1);
  EXPECT_EQ(group.num_channels(), 1);
  EXPECT_EQ(group.ring_links().size(), 16u);  // up and down of 8 GPUs
  for (const LinkWeight& use : group.ring_links()) EXPECT_EQ(use.weight, 1u);
  EXPECT_EQ(group.intra_bandwidth(), 300e9);
  EXPECT_TRUE(group.has_switch());
}

TEST(GroupGeometry, EveryRailCarriesOneChannel) {
  // 4 nodes of 8 GPUs and 8 NICs: 8 channels; every NIC sends and receives one of them, every
  // NVLink all 8; the ring's bandwidth is the sum of a node's NICs.
  const Fabric fabric(nvswitch_cluster({.nodes = 4}), 32);
  const GroupGeometry group(fabric, gpus(32));
  EXPECT_EQ(group.num_channels(), 8);
  for (const LinkWeight& use : group.ring_links()) {
    const bool nic = is_inter_node(fabric.links()[use.link].kind);
    EXPECT_EQ(use.weight, nic ? 1u : 8u);
  }
  EXPECT_EQ(group.ring_links().size(), 4u * (16 + 16));
  EXPECT_DOUBLE_EQ(group.inter_bandwidth(), 8 * 25e9);
  EXPECT_DOUBLE_EQ(group.intra_bandwidth(), 300e9);
}

TEST(GroupGeometry, OneRankPerNodeUsesItsOwnNic) {
  const Fabric fabric(nvswitch_cluster({.nodes = 4}), 32);
  const GroupGeometry group(fabric, gpus(4, 8, 3));  // local GPU 3 of every node
  EXPECT_EQ(group.num_channels(), 1);
  EXPECT_EQ(group.ring_links().size(), 8u);  // NIC up and down of 4 nodes
  EXPECT_DOUBLE_EQ(group.inter_bandwidth(), 25e9);
  EXPECT_FALSE(group.has_switch());
}

TEST(GroupGeometry, GpusThatShareANicShareItsBandwidth) {
  // 8 GPUs, 4 NICs: 4 channels, the sum of 4 NICs.
  const Fabric fabric(nvswitch_cluster({.nodes = 2, .nics = 4}), 16);
  const GroupGeometry group(fabric, gpus(16));
  EXPECT_EQ(group.num_channels(), 4);
  EXPECT_DOUBLE_EQ(group.inter_bandwidth(), 4 * 25e9);
}

TEST(GroupGeometry, UnevenNodesRunAtTheRateOfThePoorest) {
  // 8 ranks in node 0, 2 in node 1: two NICs' worth.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry group(fabric, gpus(10));
  EXPECT_EQ(group.num_ranks(), 10);
  EXPECT_EQ(group.ranks_per_node(), 8);
  EXPECT_DOUBLE_EQ(group.inter_bandwidth(), 2 * 25e9);
}

TEST(GroupGeometry, EveryRingVisitsEveryRankOnce) {
  const Fabric fabric(nvswitch_cluster({.nodes = 3}), 24);
  const GroupGeometry group(fabric, gpus(19));  // 8, 8 and 3 ranks
  for (int channel = 0; channel < group.num_channels(); ++channel) {
    std::vector<std::uint32_t> ring = group.ring(channel);
    std::sort(ring.begin(), ring.end());
    EXPECT_EQ(ring, gpus(19));
  }
}

TEST(GroupGeometry, HybridCubeMeshHasSixRings) {
  // DGX-1V: 6 NVLinks of 25 GB/s per GPU, all used: 150 GB/s.
  const Fabric fabric(cube_mesh_node(), 8);
  const GroupGeometry group(fabric, gpus(8));
  EXPECT_EQ(group.num_channels(), 6);
  EXPECT_DOUBLE_EQ(group.intra_bandwidth(), 150e9);
}

TEST(GroupGeometry, OversubscribedSpineLimitsTheRingThatCrossesIt) {
  // Pods of 2 nodes, 4:1: a leaf's uplinks carry 2 x 25 / 4 = 12.5 GB/s. A ring over 4 nodes in
  // order crosses once each way per rail.
  const Fabric fabric(nvswitch_cluster({.nodes = 4, .nodes_per_leaf = 2, .oversubscription = 4}),
                      32);
  const GroupGeometry group(fabric, gpus(4, 8));
  EXPECT_DOUBLE_EQ(group.inter_bandwidth(), 12.5e9);
}

TEST(GroupGeometry, AGroupOfOneRankTakesNoTime) {
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry group(fabric, gpus(1));
  EXPECT_TRUE(group.ring_links().empty());
  const FlowPlan plan =
      plan_collective(group, ideal_network_profile(), CollectiveKind::kAllReduce, Bytes(1 << 20));
  EXPECT_EQ(plan.uncontended, Seconds(0));
  EXPECT_EQ(plan.bytes, 0);
}

// ---- Closed forms on an ideal network
// ------------------------------------------------------------

TEST(IdealNetwork, RingAllReduceMovesTwiceNMinusOneOverN) {
  // Thakur et al. 2005: 2 (n-1)/n S / B. 8 GPUs, 300 GB/s, 1.2 GB: 2 * 7/8 * 1.2 / 300 s = 7 ms.
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const GroupGeometry group(fabric, gpus(8));
  const NetworkProfile ideal = ideal_network_profile();
  const FlowPlan plan = plan_collective(group, ideal, CollectiveKind::kAllReduce,
                                        Bytes(1'200'000'000), Algorithm::kRing);
  EXPECT_NEAR(plan.uncontended.value(), 7e-3, 7e-12);
  EXPECT_NEAR(simulated(fabric, ideal, plan), 7e-3, 7e-12);
  EXPECT_EQ(plan.rate_bound, 0);  // the links alone decide
}

TEST(IdealNetwork, AllGatherAndReduceScatterMoveHalfOfThat) {
  const Fabric fabric(nvswitch_cluster({.nodes = 4}), 32);
  const GroupGeometry group(fabric, gpus(32));
  const NetworkProfile ideal = ideal_network_profile();
  for (CollectiveKind kind : {CollectiveKind::kAllGather, CollectiveKind::kReduceScatter}) {
    // 31/32 * 6.4 GB over 8 NICs of 25 GB/s: 31 ms.
    const FlowPlan plan = plan_collective(group, ideal, kind, Bytes(6'400'000'000));
    EXPECT_NEAR(simulated(fabric, ideal, plan), 31e-3, 31e-12);
    // Each of the 8 channels of a rank carries an eighth.
    EXPECT_DOUBLE_EQ(plan.bytes, 6.4e9 * 31 / 32 / 8);
  }
}

TEST(IdealNetwork, RingsThatLeaveTheNodeGoAtThePaceOfTheirNics) {
  // 16 ranks on two nodes: 15 steps of 40 us, and 15/16 S / B as without; 8 on one: no change.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  NetworkProfile paced = ideal_network_profile();
  paced.ring_step_overhead = Seconds(40e-6);
  const auto gather = [&](const GroupGeometry& group, const NetworkProfile& profile) {
    return plan_collective(group, profile, CollectiveKind::kAllGather, Bytes(16'000'000))
        .uncontended.value();
  };
  const GroupGeometry both(fabric, gpus(16)), one(fabric, gpus(8));
  EXPECT_NEAR(gather(both, paced) - gather(both, ideal_network_profile()), 15 * 40e-6, 1e-12);
  EXPECT_NEAR(gather(one, paced), gather(one, ideal_network_profile()), 1e-15);
}

TEST(IdealNetwork, BroadcastAndReduceMoveTheBufferOnce) {
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const GroupGeometry group(fabric, gpus(8));
  const NetworkProfile ideal = ideal_network_profile();
  for (CollectiveKind kind : {CollectiveKind::kBroadcast, CollectiveKind::kReduce})
    EXPECT_NEAR(simulated(fabric, ideal, plan_collective(group, ideal, kind, Bytes(3'000'000'000))),
                10e-3, 1e-11);
}

TEST(IdealNetwork, DoubleTreeMovesTwiceTheBufferPerNode) {
  // Sanders et al. 2009: every node sends and receives 2 S with full use of the links: 4 nodes of
  // one rank each, 25 GB/s: 2 * 0.5 / 25 s = 40 ms. Two nodes need only S: the trees have opposite
  // roots.
  const Fabric fabric(nvswitch_cluster({.nodes = 4}), 32);
  const NetworkProfile ideal = ideal_network_profile();
  const Bytes size(500'000'000);
  const GroupGeometry four(fabric, gpus(4, 8));
  const FlowPlan plan4 =
      plan_collective(four, ideal, CollectiveKind::kAllReduce, size, Algorithm::kTree);
  EXPECT_NEAR(simulated(fabric, ideal, plan4), 40e-3, 40e-12);
  const GroupGeometry two(fabric, gpus(2, 8));
  const FlowPlan plan2 =
      plan_collective(two, ideal, CollectiveKind::kAllReduce, size, Algorithm::kTree);
  EXPECT_NEAR(simulated(fabric, ideal, plan2), 20e-3, 20e-12);
}

TEST(IdealNetwork, AllToAllIsLimitedByTheNicsForWhatLeavesTheNode) {
  // 2 nodes of 8: 8 of 16 chunks leave: 1.6 GB * 8/16 / 25 GB/s = 32 ms.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry group(fabric, gpus(16));
  const NetworkProfile ideal = ideal_network_profile();
  const FlowPlan plan =
      plan_collective(group, ideal, CollectiveKind::kAllToAll, Bytes(1'600'000'000));
  EXPECT_EQ(plan.algorithm, Algorithm::kPairwise);
  EXPECT_NEAR(simulated(fabric, ideal, plan), 32e-3, 32e-12);
  EXPECT_EQ(group.all_to_all_peers_at_once(), 1);
}

TEST(IdealNetwork, AllToAllOverDirectLinksUsesThemAllAtOnce) {
  // 4 GPUs, one 25 GB/s link per pair: a quarter of 0.4 GB to each peer at the same time: 4 ms.
  const Fabric fabric(full_mesh_node(4), 4);
  const GroupGeometry group(fabric, gpus(4));
  const NetworkProfile ideal = ideal_network_profile();
  const FlowPlan plan =
      plan_collective(group, ideal, CollectiveKind::kAllToAll, Bytes(400'000'000));
  EXPECT_NEAR(simulated(fabric, ideal, plan), 4e-3, 4e-12);
}

TEST(IdealNetwork, TwoGroupsOnOneNicShareIt) {
  // Local GPUs 0 and 1 share NIC 0; rings of both over two nodes: each gets half of 25 GB/s.
  const Fabric fabric(nvswitch_cluster({.nodes = 2, .nics = 4}), 16);
  const NetworkProfile ideal = ideal_network_profile();
  FlowSolver& solver = simgrid_solver();
  solver.reset(effective_capacities(fabric, ideal));
  std::vector<double> ends;
  for (std::uint32_t first : {0u, 1u}) {
    const GroupGeometry group(fabric, gpus(2, 8, first));
    const FlowPlan plan = plan_collective(group, ideal, CollectiveKind::kAllReduce,
                                          Bytes(250'000'000), Algorithm::kRing);
    EXPECT_NEAR(plan.uncontended.value(), 10e-3, 1e-12);
    std::vector<std::uint32_t> path;
    append_path(plan.links, path);
    solver.start(path, plan.bytes, plan.rate_bound, [&] { ends.push_back(solver.now()); });
  }
  solver.run();
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_NEAR(ends[0], 20e-3, 2e-11);
  EXPECT_NEAR(ends[1], 20e-3, 2e-11);
}

// ---- Shipped profiles
// ----------------------------------------------------------------------------

struct Vector {
  const char* name;
  ClusterShape shape;
  const char* profile;
  const char* generation;
  CollectiveKind kind;
  std::int64_t size;
  double measured_us;
  Algorithm algorithm;
};
void PrintTo(const Vector& row, std::ostream* out) { *out << row.name; }

class ShippedProfile : public testing::TestWithParam<Vector> {};

constexpr std::int64_t kKi = 1 << 10, kMi = 1 << 20, kGi = 1 << 30;
const ClusterShape kA100{.nodes = 1, .nvlink = 300e9, .nic = 25e9};
const ClusterShape kH100{.nodes = 1, .nvlink = 450e9, .nic = 50e9};
const ClusterShape kB200{.nodes = 1, .nvlink = 900e9, .nic = 50e9};
ClusterShape on(ClusterShape shape, std::int64_t nodes) {
  shape.nodes = nodes;
  return shape;
}

// Published nccl-tests figures of Azure ND H100 v5, SimuMax, Sophia and AWS p6, and of a cluster of
// ten HGX H100: all of them among what the profiles were fitted to.
INSTANTIATE_TEST_SUITE_P(
    Regression, ShippedProfile,
    testing::Values(Vector{"h100_1x8_all_reduce_1g", kH100, "nccl-ib", "hopper",
                           CollectiveKind::kAllReduce, kGi, 4022, Algorithm::kNvls},
                    Vector{"h100_1x8_all_gather_64m", kH100, "nccl-ib", "hopper",
                           CollectiveKind::kAllGather, 64 * kMi, 211, Algorithm::kRing},
                    Vector{"a100_2x8_all_reduce_64k", on(kA100, 2), "nccl-ib", "ampere",
                           CollectiveKind::kAllReduce, 64 * kKi, 45, Algorithm::kTree},
                    Vector{"a100_2x8_all_reduce_256m", on(kA100, 2), "nccl-ib", "ampere",
                           CollectiveKind::kAllReduce, 256 * kMi, 2749, Algorithm::kRing},
                    Vector{"h100_10x8_all_reduce_1g", on(kH100, 10), "nccl-ib", "hopper",
                           CollectiveKind::kAllReduce, kGi, 6149, Algorithm::kRing},
                    Vector{"h100_10x8_all_to_all_1g", on(kH100, 10), "nccl-ib", "hopper",
                           CollectiveKind::kAllToAll, kGi, 21160, Algorithm::kPairwise},
                    Vector{"b200_4x8_all_reduce_256m", on(kB200, 4), "nccl-efa", "blackwell",
                           CollectiveKind::kAllReduce, 256 * kMi, 2270, Algorithm::kRing}),
    [](const auto& row) { return row.param.name; });

TEST_P(ShippedProfile, IsNearWhatWasPublished) {
  const Vector& row = GetParam();
  const NetworkProfile profile = for_generation(shipped_profile(row.profile), row.generation);
  const Fabric fabric(nvswitch_cluster(row.shape), row.shape.nodes * 8);
  const GroupGeometry group(fabric, gpus(static_cast<std::uint32_t>(row.shape.nodes) * 8));
  const FlowPlan plan = plan_collective(group, profile, row.kind, Bytes(row.size));
  EXPECT_EQ(name_of(plan.algorithm), name_of(row.algorithm));
  EXPECT_NEAR(plan.uncontended.value() * 1e6 / row.measured_us, 1.0, 0.35);
  EXPECT_NEAR(simulated(fabric, profile, plan) / plan.uncontended.value(), 1.0, 1e-9);
}

TEST(ShippedProfiles, EveryOneKnowsEveryGeneration) {
  for (const char* name : {"nccl-ib", "nccl-roce", "nccl-efa", "nccl-omnipath", "nccl-slingshot",
                           "nccl-tcpx", "nccl-tcp"}) {
    const NetworkProfile profile = shipped_profile(name);
    EXPECT_EQ(profile.name, name);
    EXPECT_EQ(profile.intra_efficiency, 0);
    for (const char* generation : {"volta", "ampere", "ada", "hopper", "blackwell"})
      EXPECT_GT(for_generation(profile, generation).intra_efficiency, 0.4);
    EXPECT_THROW(for_generation(profile, "kepler"), Error);
  }
}

TEST(ShippedProfiles, TimeGrowsWithSizeAndRanks) {
  const NetworkProfile profile = for_generation(shipped_profile("nccl-ib"), "hopper");
  const Fabric fabric(nvswitch_cluster(on(kH100, 16)), 128);
  for (CollectiveKind kind :
       {CollectiveKind::kAllReduce, CollectiveKind::kAllGather, CollectiveKind::kReduceScatter,
        CollectiveKind::kBroadcast, CollectiveKind::kReduce, CollectiveKind::kAllToAll}) {
    double last_of_size = 0;
    for (std::int64_t size = 8; size <= 8 * kGi; size *= 4) {
      const GroupGeometry group(fabric, gpus(16, 8));
      const double time = plan_collective(group, profile, kind, Bytes(size)).uncontended.value();
      EXPECT_GT(time, last_of_size) << name_of(kind) << " " << size;
      last_of_size = time;
    }
    double last_of_ranks = 0;
    for (std::uint32_t nodes : {2u, 4u, 8u, 16u}) {
      const GroupGeometry group(fabric, gpus(nodes, 8));
      const double time = plan_collective(group, profile, kind, Bytes(64)).uncontended.value();
      EXPECT_GT(time, last_of_ranks) << name_of(kind) << " " << nodes;
      last_of_ranks = time;
    }
  }
}

TEST(ShippedProfiles, NothingToCarryStillTakesLatency) {
  const NetworkProfile profile = for_generation(shipped_profile("nccl-ib"), "ampere");
  const Fabric fabric(nvswitch_cluster(on(kA100, 2)), 16);
  const GroupGeometry group(fabric, gpus(16));
  const FlowPlan plan = plan_collective(group, profile, CollectiveKind::kAllReduce, Bytes(0));
  EXPECT_EQ(plan.bytes, 0);
  EXPECT_EQ(plan.latency, plan.uncontended);
  EXPECT_GT(plan.latency.value(), 10e-6);
}

TEST(PlanCollective, RefusesAnAlgorithmThatDoesNotFit) {
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const GroupGeometry group(fabric, gpus(8));
  const NetworkProfile ideal = ideal_network_profile();
  EXPECT_THROW(
      plan_collective(group, ideal, CollectiveKind::kAllGather, Bytes(1), Algorithm::kTree), Error);
  EXPECT_THROW(
      plan_collective(group, ideal, CollectiveKind::kAllReduce, Bytes(1), Algorithm::kNvls), Error);
}

// ---- Messages
// ------------------------------------------------------------------------------------

TEST(PlanP2p, BetweenNodesIsBoundBelowTheNic) {
  // 1.7 GB at 0.85 of 25 GB/s: 80 ms, after the latency of a message.
  const NetworkProfile profile = for_generation(shipped_profile("nccl-ib"), "ampere");
  const Fabric fabric(nvswitch_cluster(on(kA100, 2)), 16);
  const PairGeometry pair(fabric, 2, 10);
  const FlowPlan plan = plan_p2p(pair, profile, Bytes(1'700'000'000));
  EXPECT_NEAR(plan.uncontended.value(), 80e-3 + profile.p2p_latency_inter.value(), 1e-12);
  EXPECT_NEAR(simulated(fabric, profile, plan), plan.uncontended.value(), 1e-10);
}

TEST(PlanP2p, InsideANodeRunsAtNvlinkRate) {
  const NetworkProfile ideal = ideal_network_profile();
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const PairGeometry pair(fabric, 0, 5);
  const FlowPlan plan = plan_p2p(pair, ideal, Bytes(300'000'000));
  EXPECT_EQ(plan.rate_bound, 0);
  EXPECT_NEAR(simulated(fabric, ideal, plan), 1e-3, 1e-12);
  EXPECT_EQ(weight_of(pair.links(), pair.links()[0].link), 1u);
}

TEST(Choices, OfTheProfileAreTaken) {
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry group(fabric, gpus(16));
  NetworkProfile profile = for_generation(shipped_profile("nccl-ib"), "ampere");
  for (const Algorithm algorithm : {Algorithm::kRing, Algorithm::kTree}) {
    profile.choices.by_kind[0] = {.algorithms = {algorithm}, .protocols = {Protocol::kLl128}};
    const FlowPlan plan =
        plan_collective(group, profile, CollectiveKind::kAllReduce, Bytes(1 << 26));
    EXPECT_EQ(plan.algorithm, algorithm);
    EXPECT_EQ(plan.protocol, Protocol::kLl128);
  }
}

TEST(Choices, ThatAreImpossibleAreRefusedWithWhatIsPossible) {
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry group(fabric, gpus(16));
  NetworkProfile profile = ideal_network_profile();
  profile.choices.by_kind[0].algorithms = {Algorithm::kNvls};
  try {
    plan_collective(group, profile, CollectiveKind::kAllReduce, Bytes(1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    const std::string text = error.what();
    EXPECT_NE(text.find("\"nvls\" does not do all_reduce among 16 GPUs on 2 nodes"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("ring (LL, LL128, Simple) tree (LL, LL128, Simple)"), std::string::npos)
        << text;
  }
}

TEST(PlanCollective, WhatWasTimedInANodeIsWhatItTakes) {
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  NetworkProfile profile = ideal_network_profile();
  profile.points.set({.kind = CollectiveKind::kAllReduce,
                      .ranks = 2,
                      .size = Bytes(1'000'000),
                      .time = Seconds(1e-3)});
  profile.points.set({.kind = {}, .ranks = 2, .size = Bytes(1'000'000), .time = Seconds(2e-3)});
  const auto plan = [&](const GroupGeometry& group) {
    return plan_collective(group, profile, CollectiveKind::kAllReduce, Bytes(1'000'000));
  };
  const GroupGeometry neighbours(fabric, gpus(2)), apart(fabric, gpus(2, 8)), node(fabric, gpus(8));
  EXPECT_NEAR(simulated(fabric, profile, plan(neighbours)), 1e-3, 1e-12);
  // Not between nodes, nor between other numbers of ranks: 14 / 8 MB at 300 GB/s.
  EXPECT_LT(plan(apart).uncontended, Seconds(1e-3));
  EXPECT_NEAR(plan(node).uncontended.value(), 1.75e6 / 300e9, 1e-12);
  const PairGeometry pair(fabric, 0, 1);
  EXPECT_NEAR(simulated(fabric, profile, plan_p2p(pair, profile, Bytes(1'000'000))), 2e-3, 1e-12);
}

}  // namespace
}  // namespace stepcast
