// Sums in the fabric's switches: every link of the tree carries the buffer once each way, so a NIC
// moves half of what a ring moves and no spine is too narrow; and what has no such tree is refused.
#include "sim/engine/switch_loads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "sim/base/error.h"
#include "sim/engine/collective_flows.h"
#include "tests/engine/small_clusters.h"

namespace stepcast {
namespace {

using enum CollectiveKind;

NetworkProfile with_sharp(double efficiency = 1) {
  NetworkProfile profile = ideal_network_profile();
  profile.sharp_efficiency = profile.sharp_gather_efficiency = efficiency;
  profile.sharp_latency = Seconds(40e-6);
  return profile;
}

const CollectiveChoice kSharpOnly{.algorithms = {Algorithm::kSharp}};

ScheduleLoads loads_of(const Fabric& fabric, CollectiveKind kind) {
  const auto ranks = gpus(static_cast<std::uint32_t>(fabric.num_gpus()));
  const GroupGeometry group(fabric, ranks, false);
  return find_switch_loads(fabric, group, {kind, Algorithm::kSharp});
}

double time_of(const Fabric& fabric, const NetworkProfile& profile, CollectiveKind kind,
               std::int64_t size) {
  const auto ways = scheduled_ways(kind, kSharpOnly);
  const auto ranks = gpus(static_cast<std::uint32_t>(fabric.num_gpus()));
  const GroupGeometry group(fabric, ranks, false, ways);
  return plan_collective(group, profile, kind, Bytes(size), kSharpOnly).uncontended.value();
}

int links_of(const Fabric& fabric, const ScheduleLoads& loads, LinkKind kind) {
  return static_cast<int>(
      std::count_if(loads.links.begin(), loads.links.end(), [&](const LinkWeight& use) {
        EXPECT_EQ(use.weight, is_inter_node(fabric.links()[use.link].kind) ? 1u : 8u);
        return fabric.links()[use.link].kind == kind;
      }));
}

/// NVLink that limits nothing.
Topology wide(ClusterShape shape) {
  shape.nvlink = 1e13;
  return nvswitch_cluster(shape);
}

TEST(SwitchLoads, EveryLinkOfTheTreeIsPassedOnceEachWay) {
  // 4 nodes in two pods, 8 rails.
  const Fabric fabric(wide({.nodes = 4, .nodes_per_leaf = 2}), 32);
  const ScheduleLoads loads = loads_of(fabric, kAllReduce);
  ASSERT_EQ(loads.refusal, "");
  EXPECT_EQ(links_of(fabric, loads, LinkKind::kNicUp), 32);
  EXPECT_EQ(links_of(fabric, loads, LinkKind::kNicDown), 32);
  EXPECT_EQ(links_of(fabric, loads, LinkKind::kLeafUp), 16);
  EXPECT_EQ(links_of(fabric, loads, LinkKind::kLeafDown), 16);
}

TEST(SwitchLoads, GatheringGoesDownAndScatteringUp) {
  const Fabric fabric(wide({.nodes = 4, .nodes_per_leaf = 2}), 32);
  const ScheduleLoads gather = loads_of(fabric, kAllGather),
                      scatter = loads_of(fabric, kReduceScatter);
  EXPECT_EQ(links_of(fabric, gather, LinkKind::kNicUp), 0);
  EXPECT_EQ(links_of(fabric, gather, LinkKind::kNicDown), 32);
  EXPECT_EQ(links_of(fabric, scatter, LinkKind::kLeafUp), 16);
  EXPECT_EQ(links_of(fabric, scatter, LinkKind::kLeafDown), 0);
}

TEST(SwitchLoads, OfHashedUplinksATreeTakesOne) {
  Topology topology = wide({.nodes = 4, .nodes_per_leaf = 2});
  topology.fabric.kind = FabricKind::kFatTree;
  topology.fabric.uplinks = 4;
  const Fabric fabric(topology, 32);
  ASSERT_FALSE(fabric.spreads_evenly());
  std::uint32_t leaf_up = 0;
  for (const LinkWeight& use : loads_of(fabric, kAllReduce).links)
    if (fabric.links()[use.link].kind == LinkKind::kLeafUp) leaf_up += use.weight;
  EXPECT_EQ(leaf_up, 2u * 8u) << "two leaves, one uplink each for every channel";
}

TEST(SharpTiming, AnAllReduceTakesTheBufferOverTheNics) {
  // 8 NICs of 25 GB/s: 200 GB/s of a node, of which the switches reach nine tenths.
  const Fabric fabric(wide({.nodes = 4}), 32);
  EXPECT_NEAR(time_of(fabric, with_sharp(0.9), kAllReduce, 1'800'000'000), 40e-6 + 10e-3, 1e-9);
  EXPECT_NEAR(time_of(fabric, with_sharp(0.9), kAllGather, 1'800'000'000), 40e-6 + 10e-3, 1e-9);
}

TEST(SharpTiming, NvlinkIsTheLimitWhereItIsSlower) {
  // Without NVLS ranks send nearly 2 S to one another: S / (100 GB/s / 2).
  const Fabric fabric(nvswitch_cluster({.nodes = 4, .nvlink = 100e9}), 32);
  EXPECT_NEAR(time_of(fabric, with_sharp(), kAllReduce, 500'000'000), 40e-6 + 10e-3, 1e-9);
}

TEST(SharpTiming, ANarrowSpineIsWideEnough) {
  // 16 nodes, 8 to a leaf, 8:1: a leaf's uplinks carry no more than one NIC does.
  const Fabric fabric(wide({.nodes = 16, .nodes_per_leaf = 8, .oversubscription = 8}), 128);
  const Fabric full(wide({.nodes = 16, .nodes_per_leaf = 8}), 128);
  EXPECT_DOUBLE_EQ(time_of(fabric, with_sharp(), kAllReduce, 1 << 28),
                   time_of(full, with_sharp(), kAllReduce, 1 << 28));
}

TEST(SharpTiming, IsNeverTakenUnasked) {
  const Fabric fabric(wide({.nodes = 4}), 32);
  const GroupGeometry group(fabric, gpus(32), false);
  EXPECT_NE(plan_collective(group, with_sharp(), kAllReduce, Bytes(1 << 30)).algorithm,
            Algorithm::kSharp);
}

std::string refusal(const Topology& topology, CollectiveKind kind, const NetworkProfile& profile) {
  const Fabric fabric(topology, topology.num_gpus());
  try {
    time_of(fabric, profile, kind, 1 << 20);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    return error.what();
  }
  return "";
}

TEST(SwitchLoads, AreRefusedWithTheReason) {
  const auto says = [](const std::string& text, const char* part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const Topology good = wide({.nodes = 2});
  says(refusal(wide({.nodes = 1}), kAllReduce, with_sharp()), "it is for several nodes");
  says(refusal(good, kBroadcast, with_sharp()), "switches do all_reduce, all_gather");
  says(refusal(good, kAllReduce, ideal_network_profile()),
       "network profile \"ideal\" has no \"sharp_efficiency\"");
  Topology mesh = good;
  mesh.node = cube_mesh_node().node;
  mesh.node.nics = 4;
  mesh.node.nic_bandwidth = BytesPerSec(25e9);
  says(refusal(mesh, kAllReduce, with_sharp()), "an NVSwitch in every node");
  Topology dragonfly = wide({.nodes = 4});
  dragonfly.fabric = {.kind = FabricKind::kDragonfly,
                      .nodes_per_router = 1,
                      .routers_per_group = 2,
                      .local_bandwidth = BytesPerSec(1e12),
                      .global_bandwidth = BytesPerSec(1e12)};
  says(refusal(dragonfly, kAllReduce, with_sharp()), "its switches form no tree");
}

}  // namespace
}  // namespace stepcast
