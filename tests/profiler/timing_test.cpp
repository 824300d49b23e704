#include "kernels/profiler/timing.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// Stands still but for what the trials let it.
class FakeClock : public Clock {
 public:
  double wall() const override { return wall_; }
  double cpu() const override { return cpu_; }
  void work(double seconds) { wall_ += seconds, cpu_ += seconds; }
  void lose_core(double seconds) { wall_ += seconds; }

 private:
  double wall_ = 100, cpu_ = 5;
};

TEST(Timing, IsTheMedianOverRounds) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  int visit = 0;
  // The third round of five meets a slow spell.
  const Trial trial{.run = [&](int) { clock.work(visit++ / 4 == 2 ? 5e-3 : 1e-3); }};
  const Timing timing = time_in_rounds(std::span(&trial, 1), {.rounds = 5}, stopwatch).front();
  EXPECT_NEAR(timing.median, 1e-3, 1e-12);
  EXPECT_EQ(timing.rounds, 5);
  EXPECT_EQ(timing.samples, 15);
  EXPECT_EQ(visit, 20);  // one run of each round does not count
}

TEST(Timing, ASampleThatLostItsCoreIsDroppedAndCounted) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  int visit = 0;
  const Trial trial{.run = [&](int) {
    clock.work(1e-3);
    if (visit++ % 4 == 3) clock.lose_core(1e-3);
  }};
  const Timing timing = time_in_rounds(std::span(&trial, 1), {.rounds = 4}, stopwatch).front();
  EXPECT_NEAR(timing.median, 1e-3, 1e-12);
  EXPECT_EQ(timing.samples, 8);
  EXPECT_EQ(timing.dropped, 4);
}

TEST(Timing, WhereNoSampleIsGoodNothingIsKnown) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  const Trial trial{.run = [&](int) { clock.work(1e-3), clock.lose_core(1e-3); }};
  const Timing timing = time_in_rounds(std::span(&trial, 1), {.rounds = 4}, stopwatch).front();
  EXPECT_EQ(timing.rounds, 0);
  EXPECT_EQ(timing.samples, 0);
  EXPECT_EQ(timing.dropped, 12);
}

TEST(Timing, TrialsTakeTurnsSoThatADriftMeetsAllOfThem) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  std::string order;
  const std::vector<Trial> trials = {{.run = [&](int) { order += 'a', clock.work(1e-3); }},
                                     {.run = [&](int) { order += 'b', clock.work(1e-3); }}};
  time_in_rounds(trials, {.rounds = 2, .repeats = 1}, stopwatch);
  EXPECT_EQ(order, "aabbaabb");
}

TEST(Timing, BuffersAreTakenInTurn) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  std::vector<int> turns;
  const Trial trial{.run = [&](int turn) { turns.push_back(turn), clock.work(1e-3); }, .turns = 3};
  time_in_rounds(std::span(&trial, 1), {.rounds = 1, .repeats = 4}, stopwatch);
  EXPECT_EQ(turns, (std::vector<int>{0, 1, 2, 0, 1}));
}

// Of 15 ms each, the second sample of a round makes 20 full; one of 30 ms is enough by itself.
TEST(Timing, ARoundTakesNoMoreSamplesThanAreEnough) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  const std::vector<Trial> trials = {{.run = [&](int) { clock.work(1e-3); }},
                                     {.run = [&](int) { clock.work(15e-3); }},
                                     {.run = [&](int) { clock.work(30e-3); }}};
  const auto timings = time_in_rounds(trials, {.rounds = 2, .enough = 20e-3}, stopwatch);
  EXPECT_EQ(timings[0].samples, 6);
  EXPECT_EQ(timings[1].samples, 4);
  EXPECT_EQ(timings[2].samples, 2);
}

// A run of 1 us, samples of 5 us: five runs each.
TEST(Timing, ShortRunsAreTimedSeveralAtOnce) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  int runs = 0;
  const Trial trial{.run = [&](int) { ++runs, clock.work(1e-6); }};
  const Timing timing =
      time_in_rounds(std::span(&trial, 1), {.rounds = 1, .repeats = 2}, stopwatch).front();
  EXPECT_NEAR(timing.median, 1e-6, 1e-12);
  EXPECT_GE(runs, 1 + 2 * 5);
  EXPECT_LE(runs, 1 + 2 * 6);
}

TEST(Timing, NoRoundBeginsAfterTheBudget) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  const Trial trial{.run = [&](int) { clock.work(1); }};
  const Timing timing =
      time_in_rounds(std::span(&trial, 1), {.rounds = 100, .repeats = 1, .budget = 5}, stopwatch)
          .front();
  EXPECT_EQ(timing.rounds, 3);  // begun after 0, 2 and 4 s
}

TEST(Timing, CtrlCEndsAfterTheTrialAtHandAndKeepsWhatIsDone) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  std::atomic<bool> stop = false;
  int runs = 0;
  const std::vector<Trial> trials = {{.run = [&](int) { clock.work(1e-3), stop = ++runs >= 6; }},
                                     {.run = [&](int) { clock.work(2e-3); }}};
  const auto timings =
      time_in_rounds(trials, {.rounds = 9, .repeats = 3, .stop = &stop}, stopwatch);
  // Four runs a round: the sixth is in the second one, which the first trial still ends.
  EXPECT_EQ(timings[0].rounds, 2);
  EXPECT_EQ(timings[1].rounds, 1);
}

// Even rounds take 1 ms, odd ones 1.2: they disagree by 20 %.
TEST(Timing, OddAndEvenRoundsTellHowFarAnotherProfileWouldBeOff) {
  FakeClock clock;
  CoreStopwatch stopwatch(clock);
  int visit = 0;
  const Trial trial{.run = [&](int) { clock.work(visit++ / 2 % 2 == 0 ? 1e-3 : 1.2e-3); }};
  const Timing timing =
      time_in_rounds(std::span(&trial, 1), {.rounds = 6, .repeats = 1}, stopwatch).front();
  EXPECT_NEAR(timing.disagreement, 0.2, 1e-9);
}

/// Fails by hand, or breaks down.
class FakeStopwatch : public Stopwatch {
 public:
  double now() const override { return 0; }
  void prepare() override { ++prepared; }
  Sample sample(const Trial& trial, int turn, int) override {
    trial.run(turn);
    return {.seconds = 1e-3};
  }
  bool works() const override { return working; }
  int prepared = 0;
  bool working = true;
};

TEST(Timing, ATrialThatFailsIsLeftOutAndTheOthersGoOn) {
  FakeStopwatch stopwatch;
  int runs = 0;
  const std::vector<Trial> trials = {
      {.run = [&](int) { ++runs, throw Error(ErrorKind::kInfeasible, "out of memory"); }},
      {.run = [](int) {}}};
  const auto timings = time_in_rounds(trials, {.rounds = 3}, stopwatch);
  EXPECT_EQ(timings[0].failure, "out of memory");
  EXPECT_EQ(timings[0].rounds, 0);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(timings[1].failure, "");
  EXPECT_EQ(timings[1].rounds, 3);
}

TEST(Timing, TheDeviceIsPreparedOncePerTrialAndRound) {
  FakeStopwatch stopwatch;
  const std::vector<Trial> trials = {{.run = [](int) {}}, {.run = [](int) {}}};
  time_in_rounds(trials, {.rounds = 3, .repeats = 5}, stopwatch);
  EXPECT_EQ(stopwatch.prepared, 6);
}

TEST(Timing, ADeviceThatBreaksDownEndsAllRoundsAndWhatIsDoneIsKept) {
  FakeStopwatch stopwatch;
  const std::vector<Trial> trials = {{.run = [](int) {}},
                                     {.run = [&](int) { stopwatch.working = false; }}};
  const auto timings = time_in_rounds(trials, {.rounds = 3}, stopwatch);
  EXPECT_EQ(timings[0].rounds, 1);
  EXPECT_EQ(timings[1].rounds, 0);
}

TEST(Timing, TheSystemClockRunsForward) {
  const SystemClock clock;
  const double wall = clock.wall(), cpu = clock.cpu();
  // However coarse they are; a clock that stands ends the test by its time limit.
  while (clock.wall() == wall || clock.cpu() == cpu) {
  }
  EXPECT_GT(clock.wall(), wall);
  EXPECT_GT(clock.cpu(), cpu);
}

}  // namespace
}  // namespace stepcast
