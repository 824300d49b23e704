// Ranks as threads that the test pins: who shares a core is known.
#include "kernels/live/core_share.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <vector>

#include "kernels/live/thread_group.h"

namespace stepcast {
namespace {

void run_only_on(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ASSERT_EQ(::sched_setaffinity(0, sizeof set, &set), 0);
}

/// By rank. `pin` is called in each rank's thread.
std::vector<CoreShare> shares_of(int ranks, const std::function<void(int)>& pin) {
  std::vector<CoreShare> shares(static_cast<std::size_t>(ranks));
  ThreadGroup group({.ranks = ranks, .mailbox_bytes = 1 << 16});
  group.run([&](RankContext& context) {
    pin(context.rank());
    const auto world = context.world();
    shares[static_cast<std::size_t>(context.rank())] = find_core_share(*world);
    return 0;
  });
  return shares;
}

TEST(CoreShare, RanksOnOneCoreTakeTurns) {
  const int core = usable_cores().front();
  const std::vector<CoreShare> shares = shares_of(3, [core](int) { run_only_on(core); });
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(shares[static_cast<std::size_t>(rank)].ranks, 3);
    EXPECT_EQ(shares[static_cast<std::size_t>(rank)].turn, rank);
    EXPECT_EQ(shares[static_cast<std::size_t>(rank)].turns, 3);
    EXPECT_EQ(shares[static_cast<std::size_t>(rank)].first, 0);
  }
}

TEST(CoreShare, RanksOnCoresOfTheirOwnShareNothing) {
  const std::vector<int> cores = usable_cores();
  const auto ranks = static_cast<int>(std::min<std::size_t>(cores.size(), 4));
  const std::vector<CoreShare> shares =
      shares_of(ranks, [&](int rank) { run_only_on(cores[static_cast<std::size_t>(rank)]); });
  for (int rank = 0; rank < ranks; ++rank) {
    const CoreShare& share = shares[static_cast<std::size_t>(rank)];
    EXPECT_EQ(share.ranks, 1);
    EXPECT_EQ(share.turn, 0);
    EXPECT_EQ(share.turns, 1);
    EXPECT_EQ(share.first, rank);
  }
}

TEST(CoreShare, ACoreOfOneAndACoreOfTwoAreToldApart) {
  const std::vector<int> cores = usable_cores();
  if (cores.size() < 2) GTEST_SKIP() << "needs two cores";
  const std::vector<CoreShare> shares =
      shares_of(3, [&](int rank) { run_only_on(cores[rank == 1 ? 1 : 0]); });
  EXPECT_EQ(shares[0].ranks, 2);
  EXPECT_EQ(shares[1].ranks, 1);
  EXPECT_EQ(shares[2].ranks, 2);
  EXPECT_EQ(shares[2].turn, 1);
  EXPECT_EQ(shares[2].first, 0);
  EXPECT_EQ(shares[1].first, 1);
  EXPECT_EQ(shares[1].turns, 2) << "the others' turns are waited for";
}

/// As mpirun --bind-to none leaves them: the system puts n ranks on c cores.
TEST(CoreShare, RanksThatNobodyPinnedAreDealtOut) {
  const auto cores = static_cast<int>(usable_cores().size());
  if (cores > 8) GTEST_SKIP() << "more threads than a test should start";
  const int ranks = cores + 1;
  const std::vector<CoreShare> shares = shares_of(ranks, [](int) {});
  EXPECT_EQ(shares.front().ranks, 2);
  EXPECT_EQ(shares.back().ranks, 2);
  EXPECT_EQ(shares.back().turn, 1);
  EXPECT_EQ(shares.back().first, 0);
  EXPECT_EQ(shares[1].ranks, cores > 1 ? 1 : 2);
}

}  // namespace
}  // namespace stepcast
