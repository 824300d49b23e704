#include "sim/lowering/schedules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// When every pass ends if a forward pass of a stage takes `forward` and a backward one `backward`
/// (shared evenly by its chunks) and messages take no time.
class IdealWalk {
 public:
  IdealWalk(const Schedule& schedule, StagePosition shape, double forward, double backward)
      : shape_(shape), cost_{forward / shape.chunks, backward / shape.chunks} {
    for (std::uint32_t s = 0; s < shape.stages; ++s) {
      shape.stage = s;
      actions_.push_back(schedule.actions(shape));
    }
    const std::size_t parts = std::size_t{shape.stages} * shape.chunks;
    for (auto& ends : ends_) ends.assign(parts * shape.microbatches, -1);
  }

  /// Negative when the stages wait for each other for ever.
  double step_time() {
    std::vector<std::size_t> next(shape_.stages, 0);
    std::vector<double> free_at(shape_.stages, 0);
    for (bool moved = true; moved;) {
      moved = false;
      for (std::uint32_t s = 0; s < shape_.stages; ++s)
        while (next[s] < actions_[s].size()) {
          const double ready = ready_at(s, actions_[s][next[s]]);
          if (ready < 0) break;
          const Action& action = actions_[s][next[s]++];
          free_at[s] = std::max(free_at[s], ready) + cost_[static_cast<int>(action.pass)];
          end_of(action.pass, part(s, action.chunk), action.microbatch) = free_at[s];
          moved = true;
        }
    }
    for (std::uint32_t s = 0; s < shape_.stages; ++s)
      if (next[s] < actions_[s].size()) return -1;
    return *std::max_element(free_at.begin(), free_at.end());
  }

 private:
  std::uint32_t part(std::uint32_t stage, std::uint32_t chunk) const {
    return chunk * shape_.stages + stage;
  }
  double& end_of(Pass pass, std::uint32_t part, std::uint32_t microbatch) {
    return ends_[static_cast<int>(pass)][part * shape_.microbatches + microbatch];
  }
  double ready_at(std::uint32_t stage, const Action& action) {
    const std::uint32_t at = part(stage, action.chunk), m = action.microbatch;
    const std::uint32_t last = shape_.stages * shape_.chunks - 1;
    if (action.pass == Pass::kForward) return at == 0 ? 0 : end_of(Pass::kForward, at - 1, m);
    return at == last ? end_of(Pass::kForward, at, m) : end_of(Pass::kBackward, at + 1, m);
  }

  StagePosition shape_;
  double cost_[2];
  std::vector<std::vector<Action>> actions_;
  std::vector<double> ends_[2];
};

StagePosition shape(std::uint32_t stages, std::uint32_t chunks, std::uint32_t microbatches) {
  return {.stage = 0, .stages = stages, .chunks = chunks, .microbatches = microbatches};
}

/// Idle time of a stage over its working time.
double bubble(const char* schedule, const StagePosition& at, double forward = 1,
              double backward = 2) {
  const double work = at.microbatches * (forward + backward);
  return IdealWalk(find_schedule(schedule), at, forward, backward).step_time() / work - 1;
}

TEST(Schedules, EveryPassRunsOnceAndForwardBeforeBackward) {
  for (const Schedule& schedule : schedule_table())
    for (std::uint32_t stage = 0; stage < 4; ++stage) {
      StagePosition at = shape(4, schedule.takes_chunks ? 3 : 1, 8);
      at.stage = stage;
      std::set<std::tuple<Pass, std::uint32_t, std::uint32_t>> seen;
      for (const Action& action : schedule.actions(at)) {
        EXPECT_TRUE(seen.insert({action.pass, action.chunk, action.microbatch}).second);
        EXPECT_TRUE(seen.count({Pass::kForward, action.chunk, action.microbatch}));
      }
      EXPECT_EQ(seen.size(), 2u * at.chunks * at.microbatches) << schedule.name;
    }
}

// Huang et al. 2019; Narayanan et al. 2021b, section 2.2.1: (p - 1) / m.
TEST(Schedules, BubbleOfGpipeAndOneFOneBIsStagesOverMicrobatches) {
  for (const char* name : {"gpipe", "one_f_one_b"})
    for (std::uint32_t p : {1u, 2u, 4u, 7u})
      for (std::uint32_t m : {1u, 3u, 8u, 32u})
        EXPECT_NEAR(bubble(name, shape(p, 1, m)), double(p - 1) / m, 1e-12) << name << p << m;
}

// Narayanan et al. 2021b, section 2.2.2: (p - 1) / (m v).
TEST(Schedules, InterleavingDividesTheBubbleByTheChunks) {
  for (std::uint32_t p : {2u, 4u, 8u})
    for (std::uint32_t v : {2u, 3u, 5u})
      for (std::uint32_t groups : {1u, 2u, 5u})
        EXPECT_NEAR(bubble("interleaved", shape(p, v, p * groups)),
                    double(p - 1) / (p * groups * v), 1e-12)
            << p << " " << v << " " << groups;
}

// Stage s of p holds at most p - s microbatches (Narayanan et al. 2021a, section 3.2).
TEST(Schedules, OneFOneBHoldsAtMostTheStagesBehind) {
  for (std::uint32_t stage = 0; stage < 5; ++stage) {
    StagePosition at = shape(5, 1, 20);
    at.stage = stage;
    int live = 0, most = 0;
    for (const Action& action : find_schedule("one_f_one_b").actions(at)) {
      live += action.pass == Pass::kForward ? 1 : -1;
      most = std::max(most, live);
    }
    EXPECT_EQ(most, 5 - static_cast<int>(stage));
  }
}

// In units of 1/v of a stage, the first stage holds p v + p - 1 (accuracy of the papers' factor
// 1 + (p - 1) / (p v)).
TEST(Schedules, InterleavedHoldsALittleMore) {
  int live = 0, most = 0;
  for (const Action& action : find_schedule("interleaved").actions(shape(4, 3, 16))) {
    live += action.pass == Pass::kForward ? 1 : -1;
    most = std::max(most, live);
  }
  EXPECT_EQ(most, 4 * 3 + 4 - 1);
}

TEST(Schedules, MicrobatchesThatDoNotFillGroupsAreRefused) {
  try {
    find_schedule("interleaved").actions(shape(4, 2, 6));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("multiple of pp (4)"), std::string::npos);
  }
}

TEST(Schedules, AnUnknownNameListsTheKnownOnes) {
  try {
    find_schedule("1f1b");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("gpipe one_f_one_b interleaved"), std::string::npos);
  }
}

}  // namespace
}  // namespace stepcast
