#include "sim/ledger/worker_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <stdexcept>

namespace stepcast {
namespace {

std::string square(std::size_t i) { return std::to_string(i * i); }

TEST(WorkerPool, ResultsComeInOrderWhateverTheNumberOfWorkers) {
  for (const int workers : {1, 2, 5}) {
    const std::vector<WorkResult> results =
        map_in_workers(20, square, {.workers = workers, .progress = {}});
    ASSERT_EQ(results.size(), 20u);
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_TRUE(results[i].ok());
      EXPECT_EQ(results[i].bytes, std::to_string(i * i));
    }
  }
}

TEST(WorkerPool, WorkRunsInOtherProcesses) {
  const auto pid = [](std::size_t) { return std::to_string(getpid()); };
  for (const WorkResult& result : map_in_workers(3, pid, {.workers = 2, .progress = {}}))
    EXPECT_NE(result.bytes, std::to_string(getpid()));
}

TEST(WorkerPool, ACrashMarksItsPieceAndTheRestGoesOn) {
  const auto work = [](std::size_t i) {
    if (i == 2) std::raise(SIGKILL);
    if (i == 4) _exit(9);
    return square(i);
  };
  const std::vector<WorkResult> results = map_in_workers(6, work, {.workers = 1, .progress = {}});
  EXPECT_NE(results[2].failure.find("signal 9"), std::string::npos);
  EXPECT_NE(results[4].failure.find("exit code 9"), std::string::npos);
  for (const std::size_t i : {0u, 1u, 3u, 5u}) EXPECT_EQ(results[i].bytes, square(i));
}

TEST(WorkerPool, AnExceptionIsAFailureWithItsMessage) {
  const auto work = [](std::size_t i) -> std::string {
    if (i == 1) throw std::runtime_error("no such kernel");
    return square(i);
  };
  const std::vector<WorkResult> results = map_in_workers(3, work, {.workers = 2, .progress = {}});
  EXPECT_EQ(results[1].failure, "no such kernel");
  EXPECT_TRUE(results[0].ok() && results[2].ok());
}

TEST(WorkerPool, LargeAnswersPassWhole) {
  const auto work = [](std::size_t i) { return std::string(1'000'000 + i, 'x'); };
  const std::vector<WorkResult> results = map_in_workers(3, work, {.workers = 2, .progress = {}});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(results[i].bytes.size(), 1'000'000 + i);
}

TEST(WorkerPool, ProgressCountsEveryPieceOnce) {
  std::set<std::size_t> seen;
  map_in_workers(7, square, {.workers = 2, .progress = [&](std::size_t done, std::size_t total) {
                               EXPECT_EQ(total, 7u);
                               seen.insert(done);
                             }});
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(*seen.rbegin(), 7u);
}

TEST(WorkerPool, NothingToDoIsFine) { EXPECT_TRUE(map_in_workers(0, square).empty()); }

}  // namespace
}  // namespace stepcast
