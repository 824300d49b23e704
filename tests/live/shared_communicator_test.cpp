// Collectives on real numbers, between 2 to 9 ranks that are threads of this process. Integers as
// floats: sums below 2^24 are exact, so results are compared with ==.
#include "kernels/live/shared_communicator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/live/thread_group.h"
#include "sim/base/error.h"
#include "sim/collective/algorithms.h"
#include "sim/collective/verify.h"
#include "tests/support/algorithm_names.h"

namespace stepcast {
namespace {

constexpr SwitchboardSizes kSizes = {.mailbox_bytes = 1 << 20, .kept_bytes = 1 << 20};

/// One member's buffers of a collective, and what must stand in `to` afterwards.
struct Case {
  std::vector<float> from, to, expected;
};

float contribution(int member, std::size_t i) {
  return static_cast<float>((i * 31 + static_cast<std::size_t>(member) * 17) % 1000);
}

float sum_of_all(int members, std::size_t i) {
  float sum = 0;
  for (int member = 0; member < members; ++member) sum += contribution(member, i);
  return sum;
}

/// `part`: elements of a part, or of the whole buffer where a kind has no parts. What a kind does
/// not write must still be -1.
Case make_case(CollectiveKind kind, int n, int me, std::size_t part) {
  const std::size_t whole = part * static_cast<std::size_t>(n);
  const std::size_t mine = part * static_cast<std::size_t>(me);
  Case c;
  const auto fill = [&](std::size_t from, std::size_t to) {
    for (std::size_t i = 0; i < from; ++i) c.from.push_back(contribution(me, i));
    c.to.assign(to, -1);
    c.expected.assign(to, -1);
  };
  switch (kind) {
    case CollectiveKind::kAllReduce:
      fill(part, part);
      for (std::size_t i = 0; i < part; ++i) c.expected[i] = sum_of_all(n, i);
      break;
    case CollectiveKind::kReduce:
      fill(part, part);
      if (me == 0)
        for (std::size_t i = 0; i < part; ++i) c.expected[i] = sum_of_all(n, i);
      break;
    case CollectiveKind::kBroadcast:
      fill(part, part);
      for (std::size_t i = 0; i < part; ++i) c.expected[i] = contribution(0, i);
      break;
    case CollectiveKind::kAllGather:
      fill(part, whole);
      for (std::size_t i = 0; i < whole; ++i)
        c.expected[i] = contribution(static_cast<int>(i / part), i % part);
      break;
    case CollectiveKind::kReduceScatter:
      fill(whole, part);
      for (std::size_t i = 0; i < part; ++i) c.expected[i] = sum_of_all(n, mine + i);
      break;
    case CollectiveKind::kAllToAll:
      fill(whole, whole);
      for (std::size_t i = 0; i < whole; ++i)
        c.expected[i] = contribution(static_cast<int>(i / part), mine + i % part);
      break;
    case CollectiveKind::kSendRecv:
      fill(part, part);
      for (std::size_t i = 0; i < part; ++i) c.expected[i] = contribution((me + n - 1) % n, i);
      break;
  }
  return c;
}

// Empty, fewer elements than ranks, odd, and several pieces with a rest.
constexpr std::size_t kParts[] = {0, 1, 5, 1000, 3 * RingQueue::kPieceBytes / 4 + 7};

using RunCase = std::function<void(SharedCommunicator&, Case&)>;

void expect_right_results(CollectiveKind kind, int ranks, const RunCase& run) {
  SwitchboardSizes sizes = kSizes;
  sizes.ranks = ranks;
  ThreadGroup(sizes).run([&](RankContext& context) {
    std::vector<int> members(static_cast<std::size_t>(ranks));
    std::iota(members.begin(), members.end(), 0);
    SharedCommunicator world(dynamic_cast<SharedRankContext&>(context), members, 0);
    for (const std::size_t part : kParts) {
      Case c = make_case(kind, ranks, context.rank(), part);
      const std::vector<float> before = c.from;
      run(world, c);
      EXPECT_EQ(c.to, c.expected) << name_of(kind) << ", " << ranks << " ranks, " << part;
      EXPECT_EQ(c.from, before) << "the input was written";
    }
    return 0;
  });
}

class EveryAlgorithm : public testing::TestWithParam<CollectiveAlgorithm> {};
INSTANTIATE_TEST_SUITE_P(Table, EveryAlgorithm,
                         testing::ValuesIn(collective_algorithms().begin(),
                                           collective_algorithms().end()),
                         PrintedName());

TEST_P(EveryAlgorithm, ComputesWhatItsKindSays) {
  for (int ranks = 1; ranks <= 9; ++ranks) {
    const CollectiveSchedule schedule = GetParam().make(static_cast<std::uint32_t>(ranks));
    if (schedule.switches > 0) GTEST_SKIP() << "needs switches that add";
    expect_right_results(schedule.kind, ranks, [&](SharedCommunicator& world, Case& c) {
      const MemberPlan plan = plan_of(schedule, static_cast<std::uint32_t>(world.index()));
      world.run_plan(plan, std::as_bytes(std::span(c.from)),
                     std::as_writable_bytes(std::span(c.to)), Element::kFp32);
    });
  }
}

constexpr CollectiveKind kKinds[] = {CollectiveKind::kAllReduce,     CollectiveKind::kAllGather,
                                     CollectiveKind::kReduceScatter, CollectiveKind::kBroadcast,
                                     CollectiveKind::kReduce,        CollectiveKind::kAllToAll,
                                     CollectiveKind::kSendRecv};

TEST(SharedCommunicator, EveryKindComputesWhatItSays) {
  for (const CollectiveKind kind : kKinds)
    for (int ranks = 1; ranks <= 9; ++ranks)
      expect_right_results(kind, ranks, [&](SharedCommunicator& world, Case& c) {
        world.run(kind, std::as_bytes(std::span(c.from)), std::as_writable_bytes(std::span(c.to)),
                  Element::kFp32);
      });
}

/// The case with `from` and `to` in one buffer, as Communicator::run allows.
void run_in_place(CollectiveKind kind, SharedCommunicator& world, Case& c) {
  const std::size_t mine = std::min(c.from.size(), c.to.size()) * std::size_t(world.index());
  std::vector<float> buffer(std::max(c.from.size(), c.to.size()), -1);
  const std::size_t from_at = c.from.size() < c.to.size() ? mine : 0;
  const std::size_t to_at = c.to.size() < c.from.size() ? mine : 0;
  std::copy(c.from.begin(), c.from.end(), buffer.begin() + std::ptrdiff_t(from_at));
  const std::span<float> to = std::span(buffer).subspan(to_at, c.to.size());
  world.run(kind, std::as_bytes(std::span(buffer).subspan(from_at, c.from.size())),
            std::as_writable_bytes(to), Element::kFp32);
  if (kind != CollectiveKind::kReduce || world.index() == 0)
    std::copy(to.begin(), to.end(), c.to.begin());
}

TEST(SharedCommunicator, WorksInPlace) {
  for (const CollectiveKind kind : kKinds)
    for (int ranks = 1; ranks <= 6; ++ranks)
      expect_right_results(
          kind, ranks, [&](SharedCommunicator& world, Case& c) { run_in_place(kind, world, c); });
}

/// What each rank kept.
std::vector<std::vector<float>> kept_by(
    int ranks, const std::function<std::vector<float>(RankContext&)>& rank_main) {
  SwitchboardSizes sizes = kSizes;
  sizes.ranks = ranks;
  ThreadGroup group(sizes);
  group.run([&](RankContext& context) {
    const std::vector<float> numbers = rank_main(context);
    context.keep(std::as_bytes(std::span(numbers)));
    return 0;
  });
  std::vector<std::vector<float>> kept;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto bytes = group.kept(rank);
    const auto* first = reinterpret_cast<const float*>(bytes.data());
    kept.emplace_back(first, first + bytes.size() / sizeof(float));
  }
  return kept;
}

std::vector<float> random_numbers(int seed, std::size_t count) {
  std::minstd_rand generator(static_cast<unsigned>(seed));
  std::vector<float> numbers(count);
  for (float& number : numbers) number = static_cast<float>(generator()) / 1e6f;
  return numbers;
}

TEST(SharedCommunicator, SumsAreTheSameBitsOnAllRanksAndInEveryRun) {
  for (const std::size_t count : {100u, 50'000u}) {
    const auto run = [&] {
      return kept_by(5, [&](RankContext& context) {
        std::vector<float> numbers = random_numbers(context.rank(), count);
        const auto bytes = std::as_writable_bytes(std::span(numbers));
        context.world()->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32);
        return numbers;
      });
    };
    const auto first = run(), second = run();
    EXPECT_EQ(first, second);
    for (const auto& numbers : first) EXPECT_EQ(numbers, first[0]);
  }
}

TEST(SharedCommunicator, MaximaOfHalves) {
  const auto kept = kept_by(3, [](RankContext& context) {
    const float mine[] = {float(context.rank()), -float(context.rank()), 0.5f};
    std::uint16_t halves[3];
    for (int i = 0; i < 3; ++i)
      halves[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(mine[i]) >> 16);  // bf16
    const auto bytes = std::as_writable_bytes(std::span(halves));
    context.world()->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kBf16, ReduceOp::kMax);
    std::vector<float> result;
    for (const std::uint16_t half : halves)
      result.push_back(std::bit_cast<float>(std::uint32_t{half} << 16));
    return result;
  });
  for (const auto& result : kept) EXPECT_EQ(result, (std::vector<float>{2, 0, 0.5f}));
}

/// Recursive doubling: a rank sends and receives the same chunk in the same step.
TEST(SharedCommunicator, AChunkIsSentAsItWasBeforeTheStep) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kAllReduce, .ranks = 4, .chunks = 1, .transfers = {}};
  for (std::uint32_t step : {0u, 1u})
    for (std::uint32_t rank = 0; rank < 4; ++rank)
      schedule.transfers.push_back(
          {.step = step, .from = rank, .to = rank ^ (1u << step), .chunk = 0, .reduce = true});
  ASSERT_TRUE(verify(schedule).empty());
  expect_right_results(CollectiveKind::kAllReduce, 4, [&](SharedCommunicator& world, Case& c) {
    world.run_plan(plan_of(schedule, static_cast<std::uint32_t>(world.index())),
                   std::as_bytes(std::span(c.from)), std::as_writable_bytes(std::span(c.to)),
                   Element::kFp32);
  });
}

/// A star: the root receives all contributions to one chunk in one step.
TEST(SharedCommunicator, ContributionsOfOneStepAreAllAdded) {
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kReduce, .ranks = 5, .chunks = 1, .transfers = {}};
  for (std::uint32_t rank = 1; rank < 5; ++rank)
    schedule.transfers.push_back({.step = 0, .from = rank, .to = 0, .chunk = 0, .reduce = true});
  ASSERT_TRUE(verify(schedule).empty());
  expect_right_results(CollectiveKind::kReduce, 5, [&](SharedCommunicator& world, Case& c) {
    world.run_plan(plan_of(schedule, static_cast<std::uint32_t>(world.index())),
                   std::as_bytes(std::span(c.from)), std::as_writable_bytes(std::span(c.to)),
                   Element::kFp32);
  });
}

/// All members send all chunks to all others in one step, in any order: more than queues hold, and
/// members wait for each other in circles.
TEST(SharedCommunicator, MoreChunksThanQueuesHoldPassInAnyOrder) {
  std::minstd_rand random(7);
  for (int round = 0; round < 20; ++round) {
    CollectiveSchedule schedule{
        .kind = CollectiveKind::kAllReduce, .ranks = 4, .chunks = 7, .transfers = {}};
    for (std::uint32_t from = 0; from < 4; ++from)
      for (std::uint32_t to = 0; to < 4; ++to)
        for (std::uint32_t chunk = 0; to != from && chunk < 7; ++chunk)
          schedule.transfers.push_back(
              {.from = from, .to = to, .chunk = chunk, .lane = to, .reduce = true});
    std::shuffle(schedule.transfers.begin(), schedule.transfers.end(), random);
    ASSERT_TRUE(verify(schedule).empty());
    expect_right_results(CollectiveKind::kAllReduce, 4, [&](SharedCommunicator& world, Case& c) {
      world.run_plan(plan_of(schedule, static_cast<std::uint32_t>(world.index())),
                     std::as_bytes(std::span(c.from)), std::as_writable_bytes(std::span(c.to)),
                     Element::kFp32);
    });
  }
}

TEST(SharedCommunicator, GroupsOfTheSameRanksDoNotMix) {
  // Rows {0, 1}, {2, 3} and columns {0, 2}, {1, 3}: 0 + 1, then (0 + 1) + (2 + 3).
  const auto kept = kept_by(4, [](RankContext& context) {
    const int row = context.rank() / 2, column = context.rank() % 2;
    const auto across = context.communicator({2 * row, 2 * row + 1}, std::uint32_t(row));
    const auto down = context.communicator({column, column + 2}, std::uint32_t(2 + column));
    std::vector<float> numbers(100, static_cast<float>(context.rank()));
    const auto bytes = std::as_writable_bytes(std::span(numbers));
    across->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32);
    down->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32);
    return std::vector<float>{numbers[0], numbers[99]};
  });
  for (const auto& numbers : kept) EXPECT_EQ(numbers, (std::vector<float>{6, 6}));
}

TEST(SharedCommunicator, TwoMembersMaySendBeforeEitherReceives) {
  const auto kept = kept_by(2, [](RankContext& context) {
    const auto world = context.world();
    const int other = 1 - context.rank();
    // 5 messages of 128 KiB: more than any queue of pieces holds.
    for (int i = 0; i < 5; ++i) {
      const std::vector<float> message(32 << 10, static_cast<float>(10 * context.rank() + i));
      world->send(other, std::as_bytes(std::span(message)));
    }
    std::vector<float> firsts;
    std::vector<float> message(32 << 10);
    for (int i = 0; i < 5; ++i) {
      world->receive(other, std::as_writable_bytes(std::span(message)));
      firsts.push_back(message.back());
    }
    return firsts;
  });
  EXPECT_EQ(kept[0], (std::vector<float>{10, 11, 12, 13, 14}));
  EXPECT_EQ(kept[1], (std::vector<float>{0, 1, 2, 3, 4}));
}

TEST(SharedCommunicator, MessagesOfOneGroupDoNotWaitForThoseOfAnother) {
  const auto kept = kept_by(2, [](RankContext& context) {
    const auto one = context.communicator({0, 1}, 1), two = context.communicator({0, 1}, 2);
    float a = 1, b = 2;
    const auto bytes_of = [](float& x) { return std::as_writable_bytes(std::span(&x, 1)); };
    if (context.rank() == 0) {
      one->send(1, bytes_of(a));
      two->send(1, bytes_of(b));
      return std::vector<float>{};
    }
    float of_two = 0, of_one = 0;
    two->receive(0, bytes_of(of_two));
    one->receive(0, bytes_of(of_one));
    return std::vector<float>{of_one, of_two};
  });
  EXPECT_EQ(kept[1], (std::vector<float>{1, 2}));
}

TEST(SharedCommunicator, KnowsWhoWaited) {
  const auto kept = kept_by(2, [](RankContext& context) {
    const auto world = context.world();
    barrier(*world);
    const double before = world->waited_seconds();
    std::byte word{};
    if (context.rank() == 1) world->send(0, std::span(&word, 1));
    if (context.rank() == 0) {
      world->receive(1, std::span(&word, 1));
      // All that rank 1 still waits for is the barrier, and it waits until we come.
      const Doorbell& other = dynamic_cast<SharedRankContext&>(context).board().state(1).doorbell;
      while (other.waits_for == 0) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    barrier(*world);
    return std::vector<float>{static_cast<float>(world->waited_seconds() - before)};
  });
  EXPECT_GE(kept[1][0], 0.05f);
}

std::string failure_of(int ranks, const RankMain& rank_main) {
  SwitchboardSizes sizes = kSizes;
  sizes.ranks = ranks;
  try {
    ThreadGroup(sizes).run(rank_main);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kLiveRank);
    return error.what();
  }
  return "";
}

TEST(SharedCommunicator, MembersInDifferentOperationsAreNamed) {
  const std::string failure = failure_of(2, [](RankContext& context) {
    const auto world = context.communicator({0, 1}, 7);
    std::vector<float> buffer(2);
    const auto bytes = std::as_writable_bytes(std::span(buffer));
    if (context.rank() == 0)
      world->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32);
    else
      world->run(CollectiveKind::kAllToAll, bytes, bytes, Element::kFp32);
    return 0;
  });
  EXPECT_NE(failure.find("all_reduce number 0 of group 7"), std::string::npos) << failure;
  EXPECT_NE(failure.find("all_to_all number 0 of group 7"), std::string::npos) << failure;
}

TEST(SharedCommunicator, AMessageOfAnotherLengthIsAnError) {
  const std::string failure = failure_of(2, [](RankContext& context) {
    const auto world = context.world();
    std::vector<std::byte> bytes(context.rank() == 0 ? 8 : 12);
    if (context.rank() == 0) world->send(1, bytes);
    if (context.rank() == 1) world->receive(0, bytes);
    return 0;
  });
  EXPECT_NE(failure.find("message of 8 bytes came where one of 12"), std::string::npos) << failure;
}

TEST(SharedCommunicator, AFullMailboxIsAnError) {
  const std::string failure = failure_of(2, [](RankContext& context) {
    const auto world = context.world();
    const std::vector<std::byte> bytes(300 << 10);
    if (context.rank() == 0)
      for (int i = 0; i < 4; ++i) world->send(1, bytes);  // 1.2 MB into 1 MiB
    barrier(*world);
    return 0;
  });
  EXPECT_NE(failure.find("finds no room in a mailbox of 1048576 bytes"), std::string::npos)
      << failure;
}

TEST(RequireAgreement, NamesEachTextAndItsRanks) {
  const std::string failure = failure_of(3, [](RankContext& context) {
    const auto world = context.world();
    const auto require = [&](const char* what, const char* mine) {
      std::vector<SaidByRank> said;
      for (const std::string& text : gather(*world, mine))
        said.push_back({.host = "node-1", .text = text});
      require_agreement(what, said);
    };
    require("version", "1.0");
    require("program", context.rank() == 2 ? "tiny-tp2" : "tiny-dp2");
    return 0;
  });
  EXPECT_NE(failure.find("do not agree on the program: ranks 0, 1 have \"tiny-dp2\", rank 2 "
                         "has \"tiny-tp2\" (all on node-1)"),
            std::string::npos)
      << failure;
}

TEST(ThreadGroup, AFailingRankEndsTheOthers) {
  const std::string failure = failure_of(3, [](RankContext& context) {
    const auto world = context.world();
    context.begin_operation("loss of step 4");
    if (context.rank() == 1) throw std::runtime_error("the loss is not a number");
    barrier(*world);  // nobody leaves it
    return 0;
  });
  EXPECT_EQ(failure, "rank 1 failed in \"loss of step 4\": the loss is not a number");
}

}  // namespace
}  // namespace stepcast
