// What NCCL's own constants add to the textbook forms, each alone on an otherwise ideal network.
#include "sim/engine/collective_timing.h"

#include <gtest/gtest.h>

#include "sim/engine/calibrated_figure.h"
#include "tests/engine/small_clusters.h"

namespace stepcast {
namespace {

double ring_all_gather(const GroupGeometry& group, const NetworkProfile& profile, double size,
                       Protocol protocol = Protocol::kSimple) {
  return timing_of(group, profile, CollectiveKind::kAllGather, size, Algorithm::kRing, protocol)
      .total();
}

TEST(CollectiveTiming, PartsOfEqualRateSlowEachOther) {
  // 8 NICs of 25 GB/s and NVLink of 200 GB/s, coupled: 200 / 2^(1/4).
  const Fabric fabric(nvswitch_cluster({.nodes = 2, .nvlink = 200e9, .nic = 25e9}), 16);
  const GroupGeometry group(fabric, gpus(16));
  NetworkProfile profile = ideal_network_profile();
  profile.coupling = 1;
  EXPECT_NEAR(ring_all_gather(group, profile, 1.6e9), 1.5e9 / 200e9 * 1.189207, 1e-8);
}

TEST(CollectiveTiming, RingsThatLeaveANodeLaunchEveryStep) {
  // 16 ranks, 2 nodes: 14 steps inside, 3 x 2 us each in Simple and 2 us in LL; none on one node.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry both(fabric, gpus(16)), one(fabric, gpus(8));
  NetworkProfile profile = ideal_network_profile();
  profile.net_overhead = Seconds(2e-6);
  EXPECT_NEAR(ring_all_gather(both, profile, 0), 14 * 6e-6, 1e-12);
  EXPECT_NEAR(ring_all_gather(both, profile, 0, Protocol::kLl), 14 * 2e-6, 1e-12);
  EXPECT_NEAR(ring_all_gather(one, profile, 0), 0, 1e-15);
}

TEST(CollectiveTiming, LongMessagesWaitForTheirReceiver) {
  // Two ranks on two nodes: one hop. 16 KiB of LL are 1/2 x 2 x 16 = 16 KiB on the wire, a quarter
  // of 64 KiB: half of the wait. Simple waits in full.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry pair(fabric, gpus(2, 8));
  NetworkProfile profile = ideal_network_profile();
  profile.rendezvous_latency = Seconds(10e-6);
  profile.rendezvous_size = Bytes(64 << 10);
  const NetworkProfile ideal = ideal_network_profile();
  const double size = 16 << 10;
  EXPECT_NEAR(ring_all_gather(pair, profile, size, Protocol::kLl) -
                  ring_all_gather(pair, ideal, size, Protocol::kLl),
              5e-6, 1e-12);
  EXPECT_NEAR(ring_all_gather(pair, profile, size) - ring_all_gather(pair, ideal, size), 10e-6,
              1e-12);
}

TEST(CollectiveTiming, RingsBetweenNodesHideTheirWaitsOnceTheyGoRoundOften) {
  // Two nodes of eight, 8 NICs: a loop is 16 channels x 16 ranks x 2 MiB = 512 MiB. One hop between
  // nodes of 100 us: of one loop half is seen, of two a fifth; a step's pace is never hidden.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const GroupGeometry group(fabric, gpus(16)), one(fabric, gpus(8));
  NetworkProfile ideal = ideal_network_profile();
  ideal.ring_chunk = Bytes(2 << 20);
  NetworkProfile profile = ideal, inside = ideal, paced = ideal;
  for (ProtocolCosts& costs : profile.protocols) costs.ring_hop_inter = Seconds(100e-6);
  for (ProtocolCosts& costs : inside.protocols) costs.ring_hop_intra = Seconds(100e-6);
  paced.ring_step_overhead = Seconds(100e-6);
  const double loop = 512 << 20;
  const auto added = [&](const GroupGeometry& ranks, const NetworkProfile& some, double loops,
                         Protocol protocol = Protocol::kSimple) {
    return ring_all_gather(ranks, some, loops * loop, protocol) -
           ring_all_gather(ranks, ideal, loops * loop, protocol);
  };
  EXPECT_NEAR(added(group, profile, 1), 50e-6, 1e-12);
  EXPECT_NEAR(added(group, profile, 2), 20e-6, 1e-12);
  profile.ring_chunk = Bytes(0);
  EXPECT_NEAR(added(group, profile, 2), 100e-6, 1e-12) << "whole shares go round once";
  EXPECT_NEAR(added(group, profile, 2, Protocol::kLl128), 100e-6, 1e-12);
  EXPECT_NEAR(added(group, paced, 2), 1500e-6, 1e-12);
  EXPECT_NEAR(added(one, inside, 2), 700e-6, 1e-12);
}

TEST(CollectiveTiming, AChainOfStepsOverrunsByABoundedTimeAndAPipelineByARoot) {
  // L = 1 us, X = 100 us and 400 us: a chain adds at most step_fill / 2 L, a pipeline 10 and 20 us.
  const auto chain = [](double transfer) {
    return Timing{.first = 1, .transfer = transfer, .step_fill = 2}.total() - 1 - transfer;
  };
  EXPECT_NEAR(chain(100), 0.985, 1e-3);
  EXPECT_NEAR(chain(400), 0.996, 1e-3);
  const auto pipeline = [](double transfer) {
    return Timing{.first = 1, .transfer = transfer, .fill = 1}.total() - 1 - transfer;
  };
  EXPECT_NEAR(pipeline(100), 10, 1e-9);
  EXPECT_NEAR(pipeline(400), 20, 1e-9);
}

TEST(CollectiveTiming, SmallMessagesOfLlHaveOneChannel) {
  // 8 ranks: 7 steps of 1 KiB at 1 GB/s; beyond 4 KiB a step the time stands still.
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const GroupGeometry group(fabric, gpus(8));
  NetworkProfile profile = ideal_network_profile();
  profile.ll_channel_rate = BytesPerSec(1e9);
  const NetworkProfile ideal = ideal_network_profile();
  const auto extra = [&](double size) {
    return ring_all_gather(group, profile, size, Protocol::kLl) -
           ring_all_gather(group, ideal, size, Protocol::kLl);
  };
  EXPECT_NEAR(extra(8 * 1024), 7 * 1024e-9, 1e-12);
  EXPECT_NEAR(extra(1 << 20), 7 * 4096e-9, 1e-11);
}

TEST(CollectiveTiming, ATreesChannelsBoundIt) {
  // 4 nodes of 8, 8 NICs of 50 GB/s: 200 GB/s of algorithm bandwidth, of which 8 channels of 24
  // GB/s let 96 through; NVLink would carry 225.
  const Fabric fabric(nvswitch_cluster({.nodes = 4, .nvlink = 450e9, .nic = 50e9}), 32);
  const GroupGeometry group(fabric, gpus(32));
  NetworkProfile profile = ideal_network_profile();
  const auto time = [&] {
    return timing_of(group, profile, CollectiveKind::kAllReduce, 9.6e9, Algorithm::kTree,
                     Protocol::kSimple)
        .total();
  };
  EXPECT_NEAR(time(), 9.6 / 200, 1e-9);
  profile.tree_channel_rate_many_nodes = BytesPerSec(24e9);
  EXPECT_NEAR(time(), 9.6 / 96, 1e-9);
}

TEST(CollectiveTiming, NoProtocolCarriesMoreThanItsShareOfTheWire) {
  // LL: half of 300 GB/s, whatever a fit says.
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const GroupGeometry group(fabric, gpus(8));
  NetworkProfile profile = ideal_network_profile();
  profile.low_latency_factor = 3;
  EXPECT_NEAR(ring_all_gather(group, profile, 2.4e9, Protocol::kLl), 2.1 / 150, 1e-9);
}

TEST(CalibratedFigure, IsLinearInTheLogarithmOfTheSize) {
  NetworkProfile profile = ideal_network_profile();
  profile.grade = Grade::kFitted;
  profile.corrections = {
      {.op = "all_reduce", .ranks = 16, .nodes = 2, .sizes = {1024, 4096}, .factors = {1.0, 2.0}}};
  const auto at = [&](std::int64_t size, int ranks = 16) {
    return calibrated_figure(profile, "all_reduce", ranks, 2, Bytes(size));
  };
  EXPECT_DOUBLE_EQ(at(1024).factor, 1.0);
  EXPECT_DOUBLE_EQ(at(2048).factor, 1.5);  // half way from 2^10 to 2^12
  EXPECT_DOUBLE_EQ(at(4096).factor, 2.0);
  EXPECT_EQ(at(2048).grade, Grade::kMeasured);
  EXPECT_DOUBLE_EQ(at(8192).factor, 1.0);  // beyond the sweep
  EXPECT_EQ(at(8192).grade, Grade::kFitted);
  EXPECT_EQ(at(2048, 8).grade, Grade::kFitted);
}

}  // namespace
}  // namespace stepcast
