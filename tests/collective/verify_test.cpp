// The verifier finds mistakes: planted by hand, one of each kind, and planted everywhere: a
// schedule of the table with any one transfer left out, a copy sent to somebody else, a sum turned
// into a copy or added once more is never taken for right.
#include "sim/collective/verify.h"

#include <gtest/gtest.h>

#include <utility>

#include "sim/collective/algorithms.h"
#include "tests/support/algorithm_names.h"

namespace stepcast {
namespace {

std::string first_problem(const CollectiveSchedule& schedule) {
  const std::vector<std::string> problems = verify(schedule);
  return problems.empty() ? "proved" : problems.front();
}

bool finds(const CollectiveSchedule& schedule, const std::string& words) {
  return first_problem(schedule).find(words) != std::string::npos;
}

TEST(Verify, FindsAMissingTransfer) {
  CollectiveSchedule schedule = ring_all_gather(4);
  schedule.transfers.pop_back();
  EXPECT_TRUE(finds(schedule, "ends without")) << first_problem(schedule);
}

TEST(Verify, FindsAContributionAddedTwice) {
  CollectiveSchedule schedule = ring_reduce_scatter(3);
  Transfer again = schedule.transfers.back();
  again.step += 1;
  schedule.transfers.push_back(again);
  EXPECT_TRUE(finds(schedule, "added twice")) << first_problem(schedule);
}

TEST(Verify, FindsAChunkSentBeforeItArrived) {
  CollectiveSchedule schedule = ring_all_gather(3);
  schedule.transfers[0].chunk = 2;  // rank 0 does not have it at step 0
  EXPECT_TRUE(finds(schedule, "does not have it yet")) << first_problem(schedule);
}

TEST(Verify, FindsALaneWithTwoReceivers) {
  CollectiveSchedule schedule = pairwise_all_to_all(3);
  for (Transfer& transfer : schedule.transfers) transfer.step = 0;
  EXPECT_TRUE(finds(schedule, "busy")) << first_problem(schedule);
}

TEST(Verify, FindsAChunkTwiceInOneMessage) {
  CollectiveSchedule schedule = ring_all_gather(3);
  schedule.transfers.insert(schedule.transfers.begin(), schedule.transfers.front());
  EXPECT_TRUE(finds(schedule, "busy")) << first_problem(schedule);
}

TEST(Verify, FindsTwoWritersOfOneChunk) {
  // Ranks 0 and 1 both overwrite chunk 0 of rank 2 in step 1.
  CollectiveSchedule schedule{.kind = CollectiveKind::kBroadcast,
                              .ranks = 3,
                              .chunks = 1,
                              .transfers = {{.step = 0, .from = 0, .to = 1, .chunk = 0},
                                            {.step = 1, .from = 0, .to = 2, .chunk = 0},
                                            {.step = 1, .from = 1, .to = 2, .chunk = 0}}};
  EXPECT_TRUE(finds(schedule, "two transfers write")) << first_problem(schedule);
}

TEST(Verify, FindsRanksThatDoNotExist) {
  CollectiveSchedule schedule = ring_all_gather(3);
  schedule.transfers[0].to = 9;
  EXPECT_TRUE(finds(schedule, "no such rank")) << first_problem(schedule);
}

TEST(Verify, FindsStepsOutOfOrder) {
  CollectiveSchedule schedule = ring_all_gather(3);
  std::swap(schedule.transfers.front(), schedule.transfers.back());
  EXPECT_TRUE(finds(schedule, "later step")) << first_problem(schedule);
}

TEST(Verify, FindsASwitchThatSendsWhatItNeverGot) {
  CollectiveSchedule schedule = nvls_all_gather(3);
  std::erase_if(schedule.transfers, [](const Transfer& t) { return t.from == 0; });
  EXPECT_TRUE(finds(schedule, "does not have it yet")) << first_problem(schedule);
}

TEST(Verify, FindsASwitchThatLeavesARankOut) {
  CollectiveSchedule schedule = nvls_all_reduce(3, 1);
  std::erase_if(schedule.transfers,
                [](const Transfer& t) { return t.reduce && t.from == 1 && t.chunk == 2; });
  EXPECT_TRUE(finds(schedule, "ends without all of chunk 2")) << first_problem(schedule);
}

TEST(Verify, ListsTenProblemsAtTheMost) {
  CollectiveSchedule schedule = ring_all_gather(33);
  schedule.transfers.clear();
  EXPECT_EQ(verify(schedule).size(), 10u);
}

// ---- One mistake anywhere -----------------------------------------------------------------------

class PlantedMistake : public testing::TestWithParam<CollectiveAlgorithm> {
 protected:
  /// Damages every transfer in turn; every schedule that comes out must be refused.
  template <typename Damage>
  void refuse_all(Damage damage) {
    for (const std::uint32_t ranks : {4u, 6u, 7u}) {
      const CollectiveSchedule sound = GetParam().make(ranks);
      for (std::size_t i = 0; i < sound.transfers.size(); ++i) {
        CollectiveSchedule broken = sound;
        if (!damage(broken, i)) continue;
        EXPECT_FALSE(verify(broken).empty()) << ranks << " ranks, transfer " << i;
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Table, PlantedMistake,
                         testing::ValuesIn(collective_algorithms().begin(),
                                           collective_algorithms().end()),
                         PrintedName());

TEST_P(PlantedMistake, ATransferIsLeftOut) {
  refuse_all([](CollectiveSchedule& schedule, std::size_t i) {
    const Transfer& transfer = schedule.transfers[i];
    // What an owner stores through its NVSwitch is a sum that this switch has made itself.
    const bool known_there = transfer.to >= schedule.ranks && !transfer.reduce;
    if (known_there && schedule.kind == CollectiveKind::kAllReduce) return false;
    schedule.transfers.erase(schedule.transfers.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  });
}

TEST_P(PlantedMistake, ACopyGoesElsewhere) {
  refuse_all([](CollectiveSchedule& schedule, std::size_t i) {
    Transfer& transfer = schedule.transfers[i];
    if (transfer.reduce || transfer.to >= schedule.ranks) return false;
    transfer.to = (transfer.to + 1) % schedule.ranks;
    return transfer.to != transfer.from;
  });
}

TEST_P(PlantedMistake, ASumBecomesACopy) {
  refuse_all([](CollectiveSchedule& schedule, std::size_t i) {
    return std::exchange(schedule.transfers[i].reduce, false);
  });
}

TEST_P(PlantedMistake, ASumIsAddedAgain) {
  refuse_all([](CollectiveSchedule& schedule, std::size_t i) {
    Transfer again = schedule.transfers[i];
    again.step = num_steps(schedule);
    schedule.transfers.push_back(again);
    return again.reduce;
  });
}

}  // namespace
}  // namespace stepcast
