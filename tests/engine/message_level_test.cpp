// Chunk by chunk, collectives take what the textbooks say; and the coupled transfers of
// collective_flows.h take what the chunks take, alone and when groups share NICs and spine.
#include "sim/engine/message_level.h"

#include <gtest/gtest.h>

#include "tests/engine/rungs.h"

namespace stepcast {
namespace {

// ---- Textbook times, chunk by chunk
// ---------------------------------------------------------------

TEST(MessageLevel, RingsMeetTheTextbook) {
  // Thakur et al. 2005. 8 nodes of one rank, 25 GB/s, hop 5 us, 800 MB: a step is 100 MB / 25 GB/s
  // + 5 us = 4.005 ms; all_gather and reduce_scatter take 7 of them, all_reduce 14.
  const Fabric fabric(nvswitch_cluster({.nodes = 8}), 64);
  const NetworkProfile profile = with_hops(1e-6, 5e-6);
  const Bytes size(800'000'000);
  for (CollectiveKind kind : {CollectiveKind::kAllGather, CollectiveKind::kReduceScatter})
    EXPECT_NEAR(messages(fabric, profile, {{gpus(8, 8), kind, size}})[0], 7 * 4.005e-3, 28e-12);
  EXPECT_NEAR(messages(fabric, profile, {{gpus(8, 8), CollectiveKind::kAllReduce, size}})[0],
              14 * 4.005e-3, 56e-12);
}

TEST(MessageLevel, PairwiseExchangeMeetsTheTextbook) {
  // 8 GPUs behind a switch at 300 GB/s, 2.4 GB: 7 rounds of 0.3 GB / 300 GB/s + 1 us.
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  const NetworkProfile profile = with_hops(1e-6, 5e-6);
  EXPECT_NEAR(
      messages(fabric, profile, {{gpus(8), CollectiveKind::kAllToAll, Bytes(2'400'000'000)}})[0],
      7e-3 + 7e-6, 1e-11);
}

TEST(MessageLevel, ExchangesInsideAndBetweenNodesGoSideBySide) {
  // 2 nodes of 8, a NIC each, 1.6 GB: 8 peers over 25 GB/s, 100 MB each, 32 ms. The 7 in the node
  // take 2.3 ms over NVLink meanwhile.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  EXPECT_NEAR(messages(fabric, with_hops(0, 0),
                       {{gpus(16), CollectiveKind::kAllToAll, Bytes(1'600'000'000)}})[0],
              32e-3, 1e-10);
}

TEST(MessageLevel, DoubleTreeComesNearTwiceTheBuffer) {
  // 8 nodes, 25 GB/s, 500 MB: 2 * 0.5 / 25 = 40 ms, plus filling the pipeline of 32 pieces per
  // tree.
  const Fabric fabric(nvswitch_cluster({.nodes = 8}), 64);
  NetworkProfile profile = with_hops(0, 0, true);
  for (ProtocolCosts& costs : profile.protocols) costs.ring_efficiency = 0.1;
  const Launch launch{gpus(8, 8), CollectiveKind::kAllReduce, Bytes(500'000'000)};
  const double time = messages(fabric, profile, {launch})[0];
  EXPECT_GT(time, 40e-3 * 0.85);  // roots and leaves of so small a tree carry less than 2 S
  EXPECT_LT(time, 40e-3 * 1.35);
}

TEST(MessageLevel, MessagesTakeTheirPlansTime) {
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const NetworkProfile profile = for_generation(shipped_profile("nccl-ib"), "ampere");
  FlowSolver& solver = simgrid_solver();
  solver.reset(effective_capacities(fabric, profile));
  MessageLevel level(solver, fabric, effective_capacities(fabric, profile));
  double end = -1;
  level.start_message(profile, 1, 9, Bytes(10'000'000), [&] { end = solver.now(); });
  solver.run();
  const PairGeometry pair(fabric, 1, 9);
  EXPECT_NEAR(end, plan_p2p(pair, profile, Bytes(10'000'000)).uncontended.value(), 1e-12);
}

TEST(MessageLevel, SoftwareThatGetsLessOutOfALinkIsHeldBack) {
  // Two rings over the same two nodes and different NICs; one software gets 25 GB/s, one 10 GB/s.
  const Fabric fabric(nvswitch_cluster({.nodes = 2}), 16);
  const NetworkProfile good = with_hops(0, 0);
  NetworkProfile poor = good;
  poor.inter_efficiency = 0.4;
  FlowSolver& solver = simgrid_solver();
  solver.reset(effective_capacities(fabric, good));
  MessageLevel level(solver, fabric, effective_capacities(fabric, good));
  const GroupGeometry first(fabric, gpus(2, 8)), second(fabric, gpus(2, 8, 1));
  double good_end = -1, poor_end = -1;
  level.start(good, first, CollectiveKind::kAllReduce, Bytes(250'000'000),
              [&] { good_end = solver.now(); });
  level.start(poor, second, CollectiveKind::kAllReduce, Bytes(250'000'000),
              [&] { poor_end = solver.now(); });
  solver.run();
  EXPECT_NEAR(good_end, 0.010, 1e-9);  // 2 (n-1)/n S = 250 MB
  EXPECT_NEAR(poor_end, 0.025, 1e-9);
}

// ---- Coupled transfers against chunks
// -----------------------------------------------------------------

constexpr double kWithin = 0.005;

TEST(CoupledTransfers, OneRingPerRail) {
  const Fabric fabric(nvswitch_cluster({.nodes = 32}), 256);
  const NetworkProfile profile = with_hops(1e-6, 5e-6);
  const std::vector<Launch> launches{
      {gpus(32, 8), CollectiveKind::kAllReduce, Bytes(256'000'000)},
      {gpus(32, 8, 1), CollectiveKind::kAllGather, Bytes(256'000'000)}};
  const auto coupled = fluid(fabric, profile, launches),
             chunks = messages(fabric, profile, launches);
  for (std::size_t i = 0; i < launches.size(); ++i) EXPECT_NEAR(coupled[i] / chunks[i], 1, 1e-9);
}

TEST(CoupledTransfers, HierarchicalRingOverAllRails) {
  // 8 nodes of 8 ranks, 8 channels.
  const Fabric fabric(nvswitch_cluster({.nodes = 8}), 64);
  const NetworkProfile profile = with_hops(0.2e-6, 1e-6);
  const std::vector<Launch> launches{{gpus(64), CollectiveKind::kAllReduce, Bytes(4'000'000'000)}};
  EXPECT_NEAR(fluid(fabric, profile, launches)[0] / messages(fabric, profile, launches)[0], 1,
              kWithin);
}

TEST(CoupledTransfers, GroupsThatShareNicsInOtherOrders) {
  // 4 NICs for 8 GPUs: two rings of 16 nodes share every NIC; one is a third of the other, comes
  // later, and visits the nodes in another order.
  const Fabric fabric(nvswitch_cluster({.nodes = 16, .nics = 4}), 128);
  const NetworkProfile profile = with_hops(1e-6, 5e-6);
  std::vector<std::uint32_t> other;
  for (std::uint32_t i = 0; i < 16; ++i) other.push_back((i * 5 % 16) * 8 + 1);
  const std::vector<Launch> launches{{gpus(16, 8), CollectiveKind::kAllReduce, Bytes(768'000'000)},
                                     {other, CollectiveKind::kAllReduce, Bytes(256'000'000), 1e-3}};
  const auto coupled = fluid(fabric, profile, launches),
             chunks = messages(fabric, profile, launches);
  for (std::size_t i = 0; i < launches.size(); ++i)
    EXPECT_NEAR(coupled[i] / chunks[i], 1, kWithin) << i;
}

TEST(CoupledTransfers, OversubscribedSpine) {
  // Two pods of 8 nodes, 4:1; every hop of a ring crosses the spine, since it takes pods in turn.
  // Two rings on one rail share it.
  const Fabric fabric(
      nvswitch_cluster({.nodes = 16, .nics = 4, .nodes_per_leaf = 8, .oversubscription = 4}), 128);
  const NetworkProfile profile = with_hops(1e-6, 5e-6);
  std::vector<Launch> launches(2);
  for (std::uint32_t ring = 0; ring < 2; ++ring) {
    for (std::uint32_t i = 0; i < 16; ++i)
      launches[ring].ranks.push_back((i % 2 * 8 + i / 2) * 8 + ring);
    launches[ring].size = Bytes(256'000'000 * (1 + ring));
  }
  const auto coupled = fluid(fabric, profile, launches),
             chunks = messages(fabric, profile, launches);
  EXPECT_NEAR(latest(coupled) / latest(chunks), 1, kWithin);
  for (std::size_t i = 0; i < launches.size(); ++i)
    EXPECT_NEAR(coupled[i] / chunks[i], 1, kWithin) << i;
}

TEST(CoupledTransfers, RingBesideAllToAll) {
  // Weight of an exchange on a NIC is one flow, not one per peer: the ring keeps its half.
  const Fabric fabric(nvswitch_cluster({.nodes = 16, .nics = 4}), 128);
  const NetworkProfile profile = with_hops(1e-6, 5e-6);
  const std::vector<Launch> launches{
      {gpus(16, 8), CollectiveKind::kAllReduce, Bytes(256'000'000)},
      {gpus(16, 8, 1), CollectiveKind::kAllToAll, Bytes(128'000'000)}};
  const auto coupled = fluid(fabric, profile, launches),
             chunks = messages(fabric, profile, launches);
  EXPECT_NEAR(latest(coupled) / latest(chunks), 1, kWithin);
  EXPECT_NEAR(coupled[1] / chunks[1], 1, 0.03);  // README.md of the engine says why
}

TEST(CoupledTransfers, LatencyHidesBehindSharedBytes) {
  // Chunks of 320 us, hops of 100 us. Alone a ring takes 30 * 0.42 ms = 12.6 ms. Two of them that
  // are not in step fill each other's gaps on the NICs: about 30 * 0.64 ms, not 30 * 0.74 ms.
  const Fabric fabric(nvswitch_cluster({.nodes = 16, .nics = 4}), 128);
  const NetworkProfile profile = with_hops(1e-6, 100e-6);
  const std::vector<Launch> launches{
      {gpus(16, 8), CollectiveKind::kAllReduce, Bytes(128'000'000)},
      {gpus(16, 8, 1), CollectiveKind::kAllReduce, Bytes(128'000'000), 0.32e-3}};
  EXPECT_NEAR(fluid(fabric, profile, {launches[0]})[0], 12.6e-3, 1e-11);
  EXPECT_NEAR(messages(fabric, profile, {launches[0]})[0], 12.6e-3, 1e-11);
  const auto coupled = fluid(fabric, profile, launches),
             chunks = messages(fabric, profile, launches);
  for (std::size_t i = 0; i < launches.size(); ++i)
    EXPECT_NEAR(coupled[i] / chunks[i], 1, 0.03) << i;
}

}  // namespace
}  // namespace stepcast
