// Ranks as processes: they talk, keep results, and every way to fail is noticed and named.
#include "kernels/live/process_group.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>

#include "sim/base/error.h"

namespace stepcast {
namespace {

ProcessGroupOptions options_for(int ranks) {
  return {.sizes = {.ranks = ranks, .mailbox_bytes = 1 << 20, .kept_bytes = 1 << 20},
          .stand_still_s = 2,
          .grace_s = 0.5};
}

void reduce_once(Communicator& world) {
  std::vector<float> numbers(10'000, 1);
  const auto bytes = std::as_writable_bytes(std::span(numbers));
  world.run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32, ReduceOp::kMax);
}

/// All-reduces for ever.
void work_on(RankContext& context) {
  const auto world = context.world();
  for (;;) {
    context.begin_operation("all_reduce for ever");
    reduce_once(*world);
  }
}

struct Failure {
  std::string text;
  std::vector<RankOutcome> outcomes;
};

Failure failure_of(int ranks, const RankMain& rank_main) {
  ProcessGroup group(options_for(ranks));
  try {
    group.run(rank_main);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kLiveRank);
    // All are reaped, so their numbers mean nobody.
    for (const RankOutcome& outcome : group.outcomes())
      EXPECT_NE(::kill(outcome.process, 0), 0) << outcome.rank;
    return {error.what(), group.outcomes()};
  }
  ADD_FAILURE() << "nothing failed";
  return {};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(ProcessGroup, RanksTalkAndKeepResults) {
  ProcessGroup group(options_for(3));
  group.run([](RankContext& context) {
    const auto world = context.world();
    std::vector<float> numbers(50'000, static_cast<float>(context.rank()));
    const auto bytes = std::as_writable_bytes(std::span(numbers));
    world->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32);
    context.keep(std::as_bytes(std::span(numbers).first(1)));
    context.keep(std::as_bytes(std::span(numbers).last(1)));
    return 0;
  });
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(group.outcomes()[std::size_t(rank)].ending, Ending::kDone);
    float kept[2];
    ASSERT_EQ(group.kept(rank).size(), sizeof kept);
    std::memcpy(kept, group.kept(rank).data(), sizeof kept);
    EXPECT_EQ(kept[0], 3);  // 0 + 1 + 2
    EXPECT_EQ(kept[1], 3);
  }
}

TEST(ProcessGroup, RanksAreProcessesOfTheirOwnPinnedAndWithoutSubnormals) {
  const std::size_t cores = usable_cores().size();
  ProcessGroup group(options_for(2));
  const pid_t parent = ::getpid();
  group.run([&](RankContext& context) {
    const volatile float tiny = 1e-30f;
    const bool flushed = tiny * 1e-10f == 0;
    const bool own = ::getppid() == parent && usable_cores().size() == 1;
    (void)context;
    return flushed && own ? 0 : 1;
  });
  EXPECT_EQ(usable_cores().size(), cores);
}

TEST(ProcessGroup, SharedMemoryHasNoName) {
  ProcessGroup group(options_for(2));
  group.run([](RankContext&) {
    std::ifstream maps("/proc/self/maps");
    int unnamed = 0, named = 0;
    for (std::string line; std::getline(maps, line);) {
      unnamed += contains(line, "/memfd:stepcast (deleted)") ? 1 : 0;
      named += contains(line, "/dev/shm") ? 1 : 0;
    }
    return unnamed >= 2 && named == 0 ? 0 : 1;
  });
}

TEST(ProcessGroup, AnExceptionIsNamedWithItsRankAndOperation) {
  const Failure failure = failure_of(3, [](RankContext& context) {
    if (context.rank() == 1) {
      reduce_once(*context.world());  // so the others have begun it
      context.begin_operation("step 2: loss");
      throw std::runtime_error("the loss is not a number");
    }
    work_on(context);
    return 0;
  });
  EXPECT_TRUE(failure.text.starts_with("rank 1 on ")) << failure.text;
  EXPECT_TRUE(contains(failure.text, "failed: the loss is not a number, in \"step 2: loss\""))
      << failure.text;
  EXPECT_EQ(failure.outcomes[0].ending, Ending::kEnded);
  EXPECT_EQ(failure.outcomes[1].ending, Ending::kFailed);
  EXPECT_EQ(failure.outcomes[0].last_operation, "all_reduce for ever");
}

TEST(ProcessGroup, AReturnedCodeIsAFailure) {
  const Failure failure = failure_of(1, [](RankContext&) { return 3; });
  EXPECT_TRUE(contains(failure.text, "failed: returned 3, before its first operation"))
      << failure.text;
}

TEST(ProcessGroup, AnExitIsAFailure) {
  const Failure failure = failure_of(1, [](RankContext&) -> int { ::_exit(0); });
  EXPECT_TRUE(contains(failure.text, "called exit(0)")) << failure.text;
}

TEST(ProcessGroup, OutOfMemoryIsNamed) {
  const Failure failure = failure_of(2, [](RankContext&) -> int { throw std::bad_alloc(); });
  EXPECT_TRUE(contains(failure.text, "out of memory")) << failure.text;
}

TEST(ProcessGroup, AKilledRankIsNamedWithItsSignal) {
  const Failure failure = failure_of(3, [](RankContext& context) {
    if (context.rank() == 2) {
      context.begin_operation("step 5: adam");
      ::kill(::getpid(), SIGKILL);
    }
    work_on(context);
    return 0;
  });
  EXPECT_TRUE(contains(failure.text, "was killed by SIGKILL, in \"step 5: adam\"")) << failure.text;
  EXPECT_EQ(failure.outcomes[2].ending, Ending::kSignalled);
  EXPECT_EQ(failure.outcomes[2].status, SIGKILL);
}

TEST(ProcessGroup, AStoppedRankIsNamedAndNotThoseThatWaitForIt) {
  const Failure failure = failure_of(3, [](RankContext& context) {
    if (context.rank() == 1) {
      context.begin_operation("about to stop");
      ::kill(::getpid(), SIGSTOP);
    }
    work_on(context);
    return 0;
  });
  EXPECT_TRUE(contains(failure.text, "rank 1 ") && contains(failure.text, "was stopped"))
      << failure.text;
  EXPECT_FALSE(contains(failure.text, "rank 0 ") || contains(failure.text, "rank 2 "))
      << failure.text;
}

TEST(ProcessGroup, AnEndlessLoopIsNamedAndNotThoseThatWaitForIt) {
  const Failure failure = failure_of(2, [](RankContext& context) {
    if (context.rank() == 0) {
      context.begin_operation("a loop without end");
      std::atomic<int> turns{0};
      for (;;) turns.fetch_add(1);
    }
    work_on(context);
    return 0;
  });
  EXPECT_TRUE(contains(failure.text, "rank 0 ") &&
              contains(failure.text, "showed no sign of life for") &&
              contains(failure.text, "a loop without end"))
      << failure.text;
  EXPECT_EQ(failure.outcomes[0].ending, Ending::kStoodStill);
  EXPECT_EQ(failure.outcomes[1].ending, Ending::kEnded);
}

TEST(ProcessGroup, RanksThatWaitForEachOtherAreAllNamed) {
  const Failure failure = failure_of(2, [](RankContext& context) {
    const auto world = context.world();
    std::byte byte{};
    context.begin_operation("receive " + std::to_string(context.rank()));
    world->receive(1 - context.rank(), std::span(&byte, 1));
    return 0;
  });
  EXPECT_TRUE(contains(failure.text, "wait for each other")) << failure.text;
  EXPECT_TRUE(contains(failure.text,
                       "rank 0 in \"receive 0\" for rank 1; "
                       "rank 1 in \"receive 1\" for rank 0"))
      << failure.text;
}

TEST(ProcessGroup, KeepsWhatWasThereBeforeTheFailure) {
  ProcessGroup group(options_for(2));
  EXPECT_THROW(group.run([](RankContext& context) {
    const double loss = 5.5;
    context.keep(std::as_bytes(std::span(&loss, 1)));
    barrier(*context.world());
    if (context.rank() == 0) ::kill(::getpid(), SIGKILL);
    work_on(context);
    return 0;
  }),
               Error);
  for (int rank = 0; rank < 2; ++rank) EXPECT_EQ(group.kept(rank).size(), sizeof(double));
}

TEST(ProcessGroup, AnInterruptEndsAllRanks) {
  const pid_t parent = ::getpid();
  const Failure failure = failure_of(2, [&](RankContext& context) {
    barrier(*context.world());
    if (context.rank() == 0) ::kill(parent, SIGINT);
    work_on(context);
    return 0;
  });
  EXPECT_EQ(failure.text, "the live run was ended by SIGINT");
}

TEST(ProcessGroup, AnInterruptThatComesTwiceEndsTheRunOnce) {
  const pid_t parent = ::getpid();
  const Failure failure = failure_of(2, [&](RankContext& context) {
    if (context.rank() == 0) ::kill(parent, SIGINT);
    try {
      work_on(context);
    } catch (const Error&) {
      ::kill(parent, SIGINT);  // nobody waits for signals any more
      throw;
    }
    return 0;
  });
  EXPECT_EQ(failure.text, "the live run was ended by SIGINT");
}

TEST(ProcessGroup, RefusesAStandStillLimitThatALostCoreWouldReach) {
  ProcessGroupOptions options = options_for(2);
  options.stand_still_s = 0.5;
  EXPECT_THROW(ProcessGroup{options}, Error);
  EXPECT_THROW(ProcessGroup{options_for(0)}, Error);
  EXPECT_THROW(ProcessGroup{options_for(65)}, Error);
}

}  // namespace
}  // namespace stepcast
