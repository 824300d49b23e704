// What is said, and how all ranks end, when some of them can't go on.
#include "kernels/mpi/rank_words.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

using State = RankWord::State;

const RankWord kGoesOn, kDone{.state = State::kDone};

RankWord failed(ErrorKind kind, const std::string& why, const std::string& host = "a") {
  return {.state = State::kFailed, .kind = kind, .host = host, .why = why};
}

void expect_end(const std::vector<RankWord>& words, ErrorKind kind, const std::string& text) {
  const std::optional<RanksEnd> end = end_of(words);
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->kind, kind);
  EXPECT_EQ(end->text, text);
}

TEST(RankWords, NobodyEndsWhileNobodyFails) {
  EXPECT_FALSE(end_of(std::vector{kGoesOn, kGoesOn}));
  EXPECT_FALSE(end_of(std::vector{kDone, kDone}));
}

TEST(RankWords, WhatAllRanksSayIsSaidOnceAsOnOneMachine) {
  const RankWord missing = failed(ErrorKind::kInput, "no such scenario");
  expect_end({missing, missing, missing}, ErrorKind::kInput, "no such scenario");
}

TEST(RankWords, ARankThatOthersWouldWaitForIsNamedAndAFailureOfALiveRank) {
  expect_end({kGoesOn, failed(ErrorKind::kInput, "no such scenario", "b"), kGoesOn},
             ErrorKind::kLiveRank, "rank 1 on b failed: no such scenario");
}

TEST(RankWords, EachReasonIsSaidWithItsRanks) {
  expect_end({failed(ErrorKind::kIo, "full"), failed(ErrorKind::kIo, "gone", "b"),
              failed(ErrorKind::kIo, "full", "c")},
             ErrorKind::kIo, "rank 0 on a, rank 2 on c failed: full\nrank 1 on b failed: gone");
  expect_end({failed(ErrorKind::kIo, "full"), failed(ErrorKind::kInput, "bad")},
             ErrorKind::kLiveRank, "rank 0 on a failed: full\nrank 1 on a failed: bad");
}

/// It alone prints and writes.
TEST(RankWords, WhatRankZeroSaysInTheEndIsSaidAsOnOneMachine) {
  expect_end({failed(ErrorKind::kIo, "disk full"), kDone}, ErrorKind::kIo, "disk full");
  expect_end({kDone, failed(ErrorKind::kIo, "disk full", "b")}, ErrorKind::kIo,
             "rank 1 on b failed: disk full");
}

}  // namespace
}  // namespace stepcast
