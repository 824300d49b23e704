// Every algorithm of the table is proved for every number of ranks up to 33, and moves the bytes
// that the textbooks say; and the verifier finds what is wrong with broken schedules.
#include "sim/collective/algorithms.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/base/error.h"
#include "sim/collective/verify.h"

namespace stepcast {
namespace {

class EveryAlgorithm : public testing::TestWithParam<CollectiveAlgorithm> {};
INSTANTIATE_TEST_SUITE_P(Table, EveryAlgorithm,
                         testing::ValuesIn(collective_algorithms().begin(),
                                           collective_algorithms().end()),
                         [](const auto& row) {
                           return std::string(name_of(row.param.kind)) + "_" +
                                  std::string(row.param.name);
                         });

TEST_P(EveryAlgorithm, DeliversEveryChunk) {
  for (std::uint32_t ranks = 1; ranks <= 33; ++ranks) {
    const CollectiveSchedule schedule = GetParam().make(ranks);
    EXPECT_EQ(schedule.kind, GetParam().kind);
    const std::vector<std::string> problems = verify(schedule);
    EXPECT_TRUE(problems.empty()) << ranks << " ranks: " << problems.front();
  }
}

TEST_P(EveryAlgorithm, IsFoundByName) {
  EXPECT_EQ(find_algorithm(GetParam().kind, GetParam().name).make, GetParam().make);
}

TEST(FindAlgorithm, ListsTheNamesThatExist) {
  try {
    find_algorithm(CollectiveKind::kAllReduce, "butterfly");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ring double_tree"), std::string::npos);
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

// ---- The verifier finds mistakes ----------------------------------------------------------------

TEST(Verify, FindsAMissingTransfer) {
  CollectiveSchedule schedule = ring_all_gather(4);
  schedule.transfers.pop_back();
  EXPECT_NE(verify(schedule).at(0).find("ends without"), std::string::npos);
}

TEST(Verify, FindsAContributionAddedTwice) {
  CollectiveSchedule schedule = ring_reduce_scatter(3);
  Transfer again = schedule.transfers.back();
  again.step += 1;
  schedule.transfers.push_back(again);
  EXPECT_NE(verify(schedule).at(0).find("added twice"), std::string::npos);
}

TEST(Verify, FindsAChunkSentBeforeItArrived) {
  CollectiveSchedule schedule = ring_all_gather(3);
  schedule.transfers[0].chunk = 2;  // rank 0 does not have it at step 0
  EXPECT_NE(verify(schedule).at(0).find("does not have it yet"), std::string::npos);
}

TEST(Verify, FindsABusyLane) {
  CollectiveSchedule schedule = pairwise_all_to_all(3);
  for (Transfer& transfer : schedule.transfers) transfer.step = 0;
  EXPECT_NE(verify(schedule).at(0).find("busy"), std::string::npos);
}

TEST(Verify, FindsRanksThatDoNotExist) {
  CollectiveSchedule schedule = ring_all_gather(3);
  schedule.transfers[0].to = 9;
  EXPECT_NE(verify(schedule).at(0).find("no such rank"), std::string::npos);
}

}  // namespace
}  // namespace stepcast
