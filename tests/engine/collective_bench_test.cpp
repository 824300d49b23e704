// nccl-tests as predictions: its definitions of bandwidth, its send/recv ring, forced choices.
#include "sim/engine/collective_bench.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/engine/small_clusters.h"

namespace stepcast {
namespace {

CollectiveBench bench_of(BenchOp op, std::int64_t count, std::int64_t per_node = 8) {
  const Fabric fabric(nvswitch_cluster({.nodes = 16}), 128);
  return CollectiveBench(fabric, first_gpus(fabric, count, per_node), op);
}

TEST(BenchOps, BusBandwidthIsWhatNcclTestsPrint) {
  // nccl-tests doc/PERFORMANCE.md, for 8 ranks.
  EXPECT_DOUBLE_EQ(busbw_factor(BenchOp::kAllReduce, 8), 1.75);
  EXPECT_DOUBLE_EQ(busbw_factor(BenchOp::kAllGather, 8), 0.875);
  EXPECT_DOUBLE_EQ(busbw_factor(BenchOp::kReduceScatter, 8), 0.875);
  EXPECT_DOUBLE_EQ(busbw_factor(BenchOp::kAllToAll, 8), 0.875);
  EXPECT_DOUBLE_EQ(busbw_factor(BenchOp::kBroadcast, 8), 1);
  EXPECT_DOUBLE_EQ(busbw_factor(BenchOp::kReduce, 8), 1);
  EXPECT_DOUBLE_EQ(busbw_factor(BenchOp::kSendRecv, 8), 1);
}

TEST(BenchOps, EveryNameFindsItsOperation) {
  for (const BenchOpInfo& row : bench_ops()) {
    EXPECT_EQ(find_bench_op(row.name), row.op);
    EXPECT_EQ(name_of(row.op), row.name);
  }
  EXPECT_EQ(find_bench_op("alltoall"), BenchOp::kAllToAll);
  EXPECT_EQ(find_bench_op("send_recv"), BenchOp::kSendRecv);
  EXPECT_EQ(find_bench_op("reducescatter"), BenchOp::kReduceScatter);
  EXPECT_THROW(find_bench_op("all_redcue"), Error);
}

TEST(FirstGpus, TakesSomeOfEveryNode) {
  const Fabric fabric(nvswitch_cluster({.nodes = 3}), 24);
  EXPECT_EQ(first_gpus(fabric, 5, 2), (std::vector<std::uint32_t>{0, 1, 8, 9, 16}));
  EXPECT_THROW(first_gpus(fabric, 7, 2), Error);
}

TEST(CollectiveBench, AllReduceOnAnIdealRingTakesItsBusBandwidth) {
  // 8 GPUs at 300 GB/s: 1.75 S / 300 GB/s.
  const CollectiveBench bench = bench_of(BenchOp::kAllReduce, 8);
  const FlowPlan plan = bench.plan(ideal_network_profile(), Bytes(300'000'000),
                                   {.choice = {.algorithms = {Algorithm::kRing}}});
  EXPECT_NEAR(plan.uncontended.value(), 1.75e-3, 1e-12);
}

TEST(CollectiveBench, RingsUseEveryLinkBetweenFourGpus) {
  // Each GPU has 3 links of 25 GB/s, so 75 GB/s: 1.5 S / 75 GB/s.
  const Fabric fabric(full_mesh_node(4), 4);
  const CollectiveBench bench(fabric, first_gpus(fabric, 4, 4), BenchOp::kAllReduce);
  const FlowPlan plan = bench.plan(ideal_network_profile(), Bytes(50'000'000),
                                   {.choice = {.algorithms = {Algorithm::kRing}}});
  EXPECT_NEAR(plan.uncontended.value(), 1e-3, 1e-12);
}

TEST(CollectiveBench, SendRecvIsAsSlowAsTheNeighboursInDifferentNodes) {
  // A NIC has 25 GB/s, NVLink 300 GB/s: 25 MB take 1 ms as soon as a second node takes part.
  NetworkProfile profile = ideal_network_profile();
  const Bytes size(25'000'000);
  EXPECT_NEAR(bench_of(BenchOp::kSendRecv, 8).plan(profile, size, {}).uncontended.value(),
              25e6 / 300e9, 1e-12);
  EXPECT_NEAR(bench_of(BenchOp::kSendRecv, 16).plan(profile, size, {}).uncontended.value(), 1e-3,
              1e-12);
}

TEST(CollectiveBench, SendRecvInALargeCommunicatorHasFewerChannels) {
  // 8 per node: 16 channels in all. A NIC of 50 GB/s asks for 4 a peer. 16 ranks: 4 x 2 fit, and
  // the NIC is the limit; 64 ranks: 2 x 8, so 40 GB/s offered to 50, of which they get
  // 40 / sqrt(1 + 0.8^2); 80 ranks: 1 x 10, so 20 / sqrt(1 + 0.4^2).
  const Fabric fabric(nvswitch_cluster({.nodes = 16, .nvlink = 450e9, .nic = 50e9}), 128);
  NetworkProfile profile = ideal_network_profile();
  profile.p2p_channel_rate = BytesPerSec(20e9);
  const auto time = [&](std::int64_t ranks) {
    const CollectiveBench bench(fabric, first_gpus(fabric, ranks, 8), BenchOp::kSendRecv);
    return bench.plan(profile, Bytes(100'000'000), {}).uncontended.value();
  };
  EXPECT_NEAR(time(64), 2e-3, 1e-12) << "nothing is known of channels without a generation";
  profile.generation = "hopper";
  EXPECT_NEAR(time(16), 2e-3, 1e-12);
  EXPECT_NEAR(time(64), 2.5e-3 * std::sqrt(1.64), 1e-12);
  EXPECT_NEAR(time(80), 5e-3 * std::sqrt(1.16), 1e-12);
}

TEST(CollectiveBench, ABroadcastFillsTheChainOfNodesSlotBySlot) {
  // One rank on each node. Four nodes: two of the three links must carry a slot (512 KiB) for each
  // channel, or the whole buffer where it is less, before the last one starts.
  const auto time = [](std::int64_t nodes, std::int64_t size) {
    return bench_of(BenchOp::kBroadcast, nodes, 1)
        .plan(ideal_network_profile(), Bytes(size),
              {.choice = {.algorithms = {Algorithm::kRing}, .protocols = {Protocol::kSimple}}})
        .uncontended.value();
  };
  EXPECT_NEAR(time(4, 65536) / time(2, 65536), 3, 1e-9);
  const double filling = time(4, 1 << 28) - time(2, 1 << 28);
  EXPECT_GT(filling, 0);
  EXPECT_NEAR(time(4, 1 << 29) - time(2, 1 << 29), filling, 1e-12);
}

TEST(CollectiveBench, SmallBroadcastsInARowDoNotWaitForTheLastRank) {
  // 16 nodes of one rank: base 10 us and one hop of 5 us a call, where arrival takes 15 hops.
  NetworkProfile profile = ideal_network_profile();
  for (ProtocolCosts& costs : profile.protocols) {
    costs.base = Seconds(10e-6);
    costs.ring_hop_inter = Seconds(5e-6);
  }
  const CollectiveBench bench = bench_of(BenchOp::kBroadcast, 16, 1);
  EXPECT_NEAR(bench.plan(profile, Bytes(64), {}).uncontended.value(), 15e-6, 1e-7);
  const BenchSettings forced{
      .choice = {.algorithms = {Algorithm::kRing}, .protocols = {Protocol::kLl}}};
  EXPECT_NEAR(bench.plan(profile, Bytes(64), forced).uncontended.value(), 85e-6, 1e-6);

  profile.points.set(
      {.kind = CollectiveKind::kBroadcast, .ranks = 8, .size = Bytes(64), .time = Seconds(1e-3)});
  EXPECT_NEAR(bench_of(BenchOp::kBroadcast, 8).plan(profile, Bytes(64), {}).uncontended.value(),
              1e-3, 1e-12)
      << "what was timed stands";
}

TEST(CollectiveBench, ForcedChoicesAreKeptOrRefused) {
  const CollectiveBench bench = bench_of(BenchOp::kAllGather, 16);
  const NetworkProfile profile = ideal_network_profile();
  const BenchSettings ll{.choice = {.protocols = {Protocol::kLl}}};
  EXPECT_EQ(bench.plan(profile, Bytes(1 << 30), ll).protocol, Protocol::kLl);
  EXPECT_THROW(bench.plan(profile, Bytes(8), {.choice = {.algorithms = {Algorithm::kTree}}}),
               Error);
}

TEST(CollectiveBench, OneProcessThatDrivesAllGpusHasAFloor) {
  NetworkProfile profile = ideal_network_profile();
  profile.single_process_floor = Seconds(40e-6);
  const CollectiveBench bench = bench_of(BenchOp::kAllReduce, 8);
  EXPECT_LT(bench.plan(profile, Bytes(8), {}).uncontended, Seconds(1e-6));
  EXPECT_EQ(bench.plan(profile, Bytes(8), {.launch = BenchLaunch::kSingleProcess}).uncontended,
            Seconds(40e-6));
}

TEST(CollectiveBench, OneProcessCallsEveryMessageOfAnAllToAll) {
  // Eight GPUs with a send to and a receive from each of eight: 128 calls of 0.5 us after 40 us.
  NetworkProfile profile = ideal_network_profile();
  profile.single_process_floor = Seconds(40e-6);
  profile.p2p_call = Seconds(0.5e-6);
  const CollectiveBench bench = bench_of(BenchOp::kAllToAll, 8);
  const BenchSettings alone{.launch = BenchLaunch::kSingleProcess};
  EXPECT_NEAR(bench.plan(profile, Bytes(8), alone).uncontended.value(), 104e-6, 1e-12);
}

}  // namespace
}  // namespace stepcast
