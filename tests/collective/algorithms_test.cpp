// Every algorithm of the table is proved for every number of ranks up to 33, for 64, 127 and 128,
// and for nodes and tori of many shapes.
#include "sim/collective/algorithms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "sim/base/error.h"
#include "sim/collective/verify.h"
#include "tests/collective/proved_counts.h"
#include "tests/support/algorithm_names.h"

namespace stepcast {
namespace {

class EveryAlgorithm : public testing::TestWithParam<CollectiveAlgorithm> {};
INSTANTIATE_TEST_SUITE_P(Table, EveryAlgorithm,
                         testing::ValuesIn(collective_algorithms().begin(),
                                           collective_algorithms().end()),
                         PrintedName());

TEST_P(EveryAlgorithm, DeliversEveryChunk) {
  for (const std::uint32_t ranks : proved_counts()) {
    const CollectiveSchedule schedule = GetParam().make(ranks);
    EXPECT_EQ(schedule.kind, GetParam().kind);
    const std::vector<std::string> problems = verify(schedule);
    EXPECT_TRUE(problems.empty()) << ranks << " ranks: " << problems.front();
  }
}

TEST_P(EveryAlgorithm, DoesNothingAlone) { EXPECT_TRUE(GetParam().make(1).transfers.empty()); }

TEST_P(EveryAlgorithm, IsFoundByName) {
  EXPECT_EQ(find_algorithm(GetParam().kind, GetParam().name).make_for, GetParam().make_for);
}

TEST(FindAlgorithm, ListsTheNamesThatExist) {
  try {
    find_algorithm(CollectiveKind::kAllReduce, "butterfly");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ring tree"), std::string::npos);
  }
}

// ---- Bytes on the wire and steps --------------------------------------------------------------

TEST(Ring, AllReduceSendsTwiceNMinusOneOverN) {
  // 8 ranks, 800 bytes: 2 * 7/8 * 800 = 1400 bytes per rank in 14 steps [Patarasuk and Yuan 2009].
  const CollectiveSchedule schedule = ring_all_reduce(8);
  EXPECT_EQ(num_steps(schedule), 14u);
  for (std::uint32_t rank = 0; rank < 8; ++rank)
    EXPECT_EQ(bytes_sent(schedule, Bytes(800), rank), Bytes(1400));
}

TEST(Ring, AllGatherAndReduceScatterSendNMinusOneOverN) {
  for (const CollectiveSchedule& schedule : {ring_all_gather(8), ring_reduce_scatter(8)}) {
    EXPECT_EQ(num_steps(schedule), 7u);
    for (std::uint32_t rank = 0; rank < 8; ++rank)
      EXPECT_EQ(bytes_sent(schedule, Bytes(800), rank), Bytes(700));
  }
}

TEST(Ring, BroadcastPassesTheBufferOnOnceAlongTheChain) {
  // 4 ranks, 5 chunks: 5 + 4 - 2 = 7 steps; the last rank sends nothing.
  const CollectiveSchedule schedule = ring_broadcast(4, 5);
  EXPECT_EQ(num_steps(schedule), 7u);
  EXPECT_EQ(bytes_sent(schedule, Bytes(1000), 0), Bytes(1000));
  EXPECT_EQ(bytes_sent(schedule, Bytes(1000), 3), Bytes(0));
}

TEST(Pairwise, AllToAllSendsEveryPeerItsShare) {
  const CollectiveSchedule schedule = pairwise_all_to_all(5);
  EXPECT_EQ(num_steps(schedule), 4u);
  EXPECT_EQ(bytes_sent(schedule, Bytes(500), 2), Bytes(400));
}

TEST(DoubleTree, NobodySendsMoreThanTwiceTheBuffer) {
  // Sanders et al. 2009: inside one tree (S/2 up, twice S/2 down), leaf of the other (S/2 up): 2 S.
  for (std::uint32_t ranks = 2; ranks <= 33; ++ranks) {
    const CollectiveSchedule schedule = double_tree_all_reduce(ranks, 4);
    Bytes most;
    for (std::uint32_t rank = 0; rank < ranks; ++rank)
      most = std::max(most, bytes_sent(schedule, Bytes(8000), rank));
    EXPECT_LE(most, Bytes(16000)) << ranks;
  }
}

TEST(DoubleTree, TwoRanksExchangeHalves) {
  // Opposite roots: each sends half a buffer up in one tree and half a buffer down in the other.
  const CollectiveSchedule schedule = double_tree_all_reduce(2, 1);
  EXPECT_EQ(bytes_sent(schedule, Bytes(800), 0), Bytes(800));
  EXPECT_EQ(bytes_sent(schedule, Bytes(800), 1), Bytes(800));
}

TEST(DoubleTree, WhoIsInsideOneTreeIsALeafOfTheOther) {
  // Inside = receives sums. Chunk 0 belongs to the first tree, chunk 1 to the second.
  for (std::uint32_t ranks = 2; ranks <= 33; ++ranks) {
    std::vector<int> trees(ranks, 0);
    std::vector<std::vector<bool>> inside(2, std::vector<bool>(ranks, false));
    for (const Transfer& transfer : double_tree_all_reduce(ranks, 1).transfers)
      if (transfer.reduce) inside[transfer.chunk][transfer.to] = true;
    for (std::uint32_t rank = 0; rank < ranks; ++rank)
      EXPECT_FALSE(inside[0][rank] && inside[1][rank]) << ranks << " ranks, rank " << rank;
  }
}

TEST(DoubleTree, DepthIsLogarithmic) {
  // 32 ranks: 5 levels, one step per child and level at the most: 2 * 2 * 6 steps bound one chunk.
  EXPECT_LE(num_steps(double_tree_all_reduce(32, 1)), 24u);
}

TEST(DoubleTree, PipelineComesNearFullBandwidth) {
  // k pieces per tree: a rank inside sends 4 k of S/(2k), so 4 k steps at the least; who comes
  // first is served first, which is allowed to cost a third more.
  const std::uint32_t pieces = 64;
  const CollectiveSchedule schedule = double_tree_all_reduce(16, pieces);
  EXPECT_GE(num_steps(schedule), 4 * pieces);
  EXPECT_LE(num_steps(schedule), 4 * pieces * 4 / 3);
}

// ---- Nodes and tori of other shapes, steps
// ------------------------------------------------------

TEST(Nodes, OfEverySizeThatDividesTheRanks) {
  for (const CollectiveAlgorithm& row : collective_algorithms())
    for (std::uint32_t ranks : {24u, 36u})
      for (std::uint32_t per_node = 1; per_node <= ranks; ++per_node) {
        if (ranks % per_node != 0) continue;
        GroupShape shape = usual_shape(ranks);
        shape.per_node = per_node;
        EXPECT_TRUE(verify(row.make_for(shape)).empty())
            << name_of(row.kind) << " " << row.name << ", " << per_node << " of " << ranks;
      }
}

TEST(Torus, OfOneToThreeDimensions) {
  const std::vector<std::vector<std::uint32_t>> tori{{5},       {4, 4},    {1, 7},    {2, 3},
                                                     {2, 3, 4}, {3, 3, 3}, {4, 4, 4}, {2, 1, 5}};
  for (const auto& dims : tori) {
    const CollectiveSchedule schedule = torus_all_reduce(dims);
    EXPECT_TRUE(verify(schedule).empty());
    std::uint32_t steps = 0;
    for (const std::uint32_t size : dims) steps += 2 * (size - 1);
    EXPECT_EQ(num_steps(schedule), steps);
  }
}

TEST(Torus, EveryLinkOfACubeCarriesTheSame) {
  // 3 x 3 x 3: 2 S 26/27 bytes of a rank over six links.
  const CollectiveSchedule schedule = torus_all_reduce({3, 3, 3});
  const Bytes size(27 * 6 * 100);
  std::vector<std::vector<std::int64_t>> sent(27, std::vector<std::int64_t>(27, 0));
  for (const Transfer& transfer : schedule.transfers)
    sent[transfer.from][transfer.to] += chunk_size(schedule, size, transfer.chunk).value();
  for (const auto& row : sent)
    for (const std::int64_t bytes : row)
      EXPECT_TRUE(bytes == 0 || bytes == 2 * 2600 * 6 / 6) << bytes;
}

TEST(HalvingDoubling, TakesTwoStepsPerDoubling) {
  EXPECT_EQ(num_steps(halving_doubling_all_reduce(64)), 12u);
  EXPECT_EQ(num_steps(halving_doubling_all_reduce(65)), 14u);  // and one more to fold, each way
  EXPECT_EQ(num_steps(doubling_all_gather(64)), 6u);
}

TEST(HalvingDoubling, LargestMessagesGoToTheNearest) {
  // 16 ranks, 8 of a node: over the node's border go 2 S/16 of every rank, as little as can be.
  const CollectiveSchedule schedule = halving_doubling_all_reduce(16);
  Bytes outside;
  for (const Transfer& transfer : schedule.transfers)
    if (transfer.from == 3 && transfer.to / 8 != 0)
      outside += chunk_size(schedule, Bytes(1600), transfer.chunk);
  EXPECT_EQ(outside, Bytes(200));
}

TEST(Pat, TakesAStepPerDoubling) {
  for (const std::uint32_t ranks : {2u, 3u, 8u, 9u, 127u, 128u})
    EXPECT_EQ(num_steps(pat_all_gather(ranks)),
              static_cast<std::uint32_t>(std::bit_width(ranks - 1)));
}

TEST(Sharp, ASwitchSendsTheBufferOnceUp) {
  // 16 nodes of one rank, radix 4: leaves 16 .. 19, root 20.
  const CollectiveSchedule schedule = sharp_all_reduce(16, 1, 4, 2);
  EXPECT_EQ(schedule.switches, 5u);
  Bytes up;
  for (const Transfer& transfer : schedule.transfers)
    if (transfer.from == 16 && transfer.to == 20)
      up += chunk_size(schedule, Bytes(1000), transfer.chunk);
  EXPECT_EQ(up, Bytes(1000));
}

TEST(Sharp, MulticastPassesEveryLinkOnce) {
  // 16 nodes of two ranks, radix 4: leaves 32 .. 35, root 36. From a leaf up go the chunks of its 8
  // ranks, down to it those of the other 24.
  const CollectiveSchedule schedule = sharp_all_gather(32, 2, 4);
  EXPECT_EQ(schedule.switches, 5u);
  int up = 0, down = 0, to_first_node = 0;
  for (const Transfer& transfer : schedule.transfers) {
    if (transfer.from == 32 && transfer.to == 36) ++up;
    if (transfer.from == 36 && transfer.to == 32) ++down;
    if (transfer.from == 32 && transfer.to < 2) ++to_first_node;
  }
  EXPECT_EQ(up, 8);
  EXPECT_EQ(down, 24);
  EXPECT_EQ(to_first_node, 30);
}

TEST(HierarchicalAllToAll, SendsOneMessagePerNodeAndLocalPeer) {
  // 4 nodes of 8: 7 + 3 steps, not 31.
  EXPECT_EQ(num_steps(hierarchical_all_to_all(32, 8)), 10u);
}

TEST(DoubleTree, BlocksAreChained) {
  for (std::uint32_t block : {1u, 2u, 4u, 8u}) {
    const CollectiveSchedule schedule = double_tree_all_reduce(24 / 8 * block, 2, block);
    EXPECT_TRUE(verify(schedule).empty());
  }
}

TEST(ChunkSize, ChunksAddUpToTheBuffer) {
  const CollectiveSchedule schedule = ring_all_reduce(7);
  Bytes sum;
  for (std::uint32_t chunk = 0; chunk < schedule.chunks; ++chunk)
    sum += chunk_size(schedule, Bytes(1000), chunk);
  EXPECT_EQ(sum, Bytes(1000));
}

}  // namespace
}  // namespace stepcast
