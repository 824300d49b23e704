// Streams may run beside each other in any order that a program's events allow: all orders give the
// losses of one rank, to the bit of each other. Programs that lack an event, and memory that
// changes hands too early, do not.
#include <gtest/gtest.h>

#include "tests/live/fake_device.h"
#include "tests/live/plans.h"

namespace stepcast::live_test {
namespace {

TinyTraining small(TinyTraining tiny) {
  tiny.fast_kernels = false;
  tiny.steps = 2;
  return tiny;
}

Outcome train_in_some_order(
    TinyTraining tiny, std::uint64_t seed,
    const FakeWorld::Ignored& ignored = [](int, Mark) { return false; }) {
  FakeWorld world(static_cast<int>(tiny.plan.dp * tiny.plan.tp * tiny.plan.pp), seed, ignored);
  const FakePlatform platform(world);
  tiny.platform = &platform;
  return train(tiny);
}

const std::vector<Case> kPlans = {
    plan("one rank", 1, 1, 1),
    plan("dp 2, buckets", 2, 1, 1, buckets),
    plan("dp 4, zero 1, buckets", 4, 1, 1, all(zero, buckets)),
    plan("tp 2", 1, 2, 1),
    plan("tp 4, sp", 1, 4, 1, sequence_parallel),
    plan("pp 2, gpipe", 1, 1, 2, gpipe),
    plan("pp 4, 1f1b", 1, 1, 4),
    plan("pp 2, interleaved", 1, 1, 2, interleaved),
    plan("recompute full", 1, 1, 1, full),
    plan("dp 2, tp 2, pp 2, sp, zero 1, recompute full, interleaved", 2, 2, 2,
         all(sequence_parallel, zero, full, interleaved)),
    plan("dp 2, tp 2, pp 2, sp, zero 1, recompute selective, gpipe, buckets", 2, 2, 2,
         all(sequence_parallel, zero, selective, gpipe, buckets)),
};

void expect_same_in_every_order(const TinyTraining& base) {
  const Outcome one = train(base);
  for (const Case& c : kPlans) {
    TinyTraining changed = base;
    c.change(changed);
    const Outcome first = train_in_some_order(changed, 0);
    const Distance d = distance(one, first);
    EXPECT_TRUE(d.small()) << c.name << ": " << d.loss << ", " << d.norm << ", " << d.gradient;
    EXPECT_TRUE(first.peaks_equal_the_walk) << c.name;
    for (std::uint64_t seed = 1; seed < 6; ++seed) {
      const Outcome other = train_in_some_order(changed, seed);
      EXPECT_EQ(other.losses, first.losses) << c.name << ", seed " << seed;
      EXPECT_EQ(other.gradients, first.gradients) << c.name << ", seed " << seed;
    }
  }
}

TEST(Overlap, GptTrainsTheSameInEveryOrder) { expect_same_in_every_order(small(gpt())); }
TEST(Overlap, LlamaTrainsTheSameInEveryOrder) { expect_same_in_every_order(small(llama())); }

/// Where overlap is in the program itself: messages beside compute, gathers before they are needed.
TEST(Overlap, UnderTraitsThatOverlap) {
  TinyTraining base = small(gpt());
  const Outcome one = train(base);
  base.traits.p2p_overlap = true;
  base.plan.pp = 4;
  base.plan.dp = 2;
  base.plan.zero_stage = 1;
  buckets(base);
  for (std::uint64_t seed = 0; seed < 6; ++seed)
    EXPECT_TRUE(distance(one, train_in_some_order(base, seed)).small()) << seed;
}

TEST(Overlap, AnOrderRepeatsWithItsSeed) {
  TinyTraining tiny = small(gpt());
  tiny.plan.pp = 2;
  // With a fault in it, the losses tell orders apart.
  const auto run = [&](std::uint64_t seed) {
    return train_in_some_order(tiny, seed, [](int, Mark) { return true; }).losses;
  };
  for (std::uint64_t seed = 0; seed < 3; ++seed) EXPECT_EQ(run(seed), run(seed));
}

// ---- planted faults ----

/// True when some order among the first ones shows that the holds are missing.
bool is_seen(const TinyTraining& tiny, const Outcome& sound, const FakeWorld::Ignored& ignored) {
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const Outcome other = train_in_some_order(tiny, seed, ignored);
    if (other.losses != sound.losses || other.gradients != sound.gradients) return true;
  }
  return false;
}

struct Faulty {
  TinyTraining tiny = small(gpt());
  Outcome sound;
  Job job;

  explicit Faulty(const Case& c) {
    c.change(tiny);
    sound = train_in_some_order(tiny, 0);
    job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  }
  const Program& program_of_rank(int rank) const { return program_of(job, rank); }
};

/// All waits for an event of that name, on all ranks.
bool is_missing_event_seen(const Faulty& faulty, const std::string& name) {
  const auto is_of_event = [&](int rank, Mark mark) {
    const Program& program = faulty.program_of_rank(rank);
    const StepPlan plan = plan_step(program);
    for (EventId id = 0; id < program.events.size(); ++id) {
      const Mark first = plan.event_marks[id];
      const Mark count = program.events[id].scope == Scope::kStep ? 1 : program.num_microbatches;
      if (mark >= first && mark < first + count) return program.events[id].name == name;
    }
    return false;
  };
  return is_seen(faulty.tiny, faulty.sound, is_of_event);
}

struct Needed {
  Case plan;
  std::vector<std::string> events;
};

/// What each event is there for. (The sum for the gradient norm is read after the step alone, since
/// nothing is clipped.)
TEST(Overlap, AMissingEventIsSeen) {
  const std::vector<Needed> all = {
      {plan("dp 2, buckets", 2, 1, 1, buckets), {"computed", "gradients.reduced"}},
      {plan("tp 2, sp", 1, 2, 1, sequence_parallel),
       {"computed", "tensor.gathered", "tensor.reduced"}},
      {plan("pp 4, 1f1b", 1, 1, 4),
       {"computed", "embedding.reduced", "activation.chunk0.received", "activation.chunk0.sent",
        "gradient.chunk0.received", "gradient.chunk0.sent"}},
      {plan("pp 2, interleaved", 1, 1, 2, interleaved),
       {"activation.chunk1.received", "activation.chunk1.sent", "gradient.chunk1.received",
        "gradient.chunk1.sent"}},
  };
  for (const Needed& needed : all) {
    const Faulty faulty(needed.plan);
    for (const std::string& event : needed.events)
      EXPECT_TRUE(is_missing_event_seen(faulty, event)) << needed.plan.name << ": " << event;
  }
}

/// At both ends of a pipeline, the holds of the plan of its memory, one after the other.
TEST(Overlap, MemoryThatIsReusedTooEarlyIsSeen) {
  const Faulty faulty(plan("pp 4, 1f1b", 1, 1, 4));
  for (const int rank : {0, 3}) {
    const StepPlan plan = plan_step(faulty.program_of_rank(rank));
    EXPECT_GE(plan.set_after.size(), 7u) << rank;
    for (const OpMark& guard : plan.set_after) {
      const auto is_guard = [&](int other, Mark mark) {
        return other == rank && mark == guard.mark;
      };
      EXPECT_TRUE(is_seen(faulty.tiny, faulty.sound, is_guard))
          << "rank " << rank << ", behind op " << guard.op;
    }
  }
}

/// A message that nobody sends.
TEST(Overlap, RanksThatWaitInACircleAreTold) {
  TinyTraining tiny = small(gpt());
  tiny.plan.pp = 2;
  tiny.fault = [](Job& job) {
    for (Block& block : job.programs[0].blocks)
      for (Op& op : block.ops)
        if (std::holds_alternative<Send>(op.what)) op.what = HostWork{};
  };
  try {
    train_in_some_order(tiny, 0);
    ADD_FAILURE() << "nothing was told";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("ranks wait in a circle"), std::string::npos);
  }
}

}  // namespace
}  // namespace stepcast::live_test
