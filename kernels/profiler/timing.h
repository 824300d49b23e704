// How long things take on a machine that is not ours alone. Clouds have slow spells of a second,
// and strangers take the core for a while: so everything that is to be compared is timed in rounds,
// one sample of each per round, and the median over rounds counts.
//
//   std::vector<Trial> trials = ...;
//   std::vector<Timing> timings = time_in_rounds(trials, {.rounds = 8}, clock);
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace stepcast {

/// Time since some moment, in seconds. A fake one serves tests.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual double wall() const = 0;
  virtual double cpu() const = 0;  ///< that this thread has had of its core
};

/// CLOCK_MONOTONIC and CLOCK_THREAD_CPUTIME_ID.
class SystemClock : public Clock {
 public:
  double wall() const override;
  double cpu() const override;
};

/// One thing to time. run(turn) does it once, on the buffers of that turn: with as many turns as it
/// takes to leave the cache, it finds its operands where a training step would find them.
struct Trial {
  std::function<void(int turn)> run;
  int turns = 1;
};

struct TimingOptions {
  int rounds = 8;
  int repeats = 3;             ///< samples of a trial in a round, after one run that does not count
  double least_sample = 5e-6;  ///< seconds; shorter runs are timed several at once
  double most_lost = 0.03;     ///< a sample that lost more of its core is dropped
  double budget = 0;           ///< seconds; no round begins after it; 0: none
  const std::atomic<bool>* stop = nullptr;  ///< set by Ctrl-C: ends after the trial at hand
  std::function<void(std::size_t done, std::size_t of)> progress{};  ///< in trials
};

/// Of one run, in seconds. Quantiles are over the medians of rounds.
struct Timing {
  double median = 0;
  double q10 = 0, q90 = 0;
  double disagreement = 0;  ///< of odd and even rounds, relative: what another profile would find
  int rounds = 0;           ///< with at least one good sample; 0: nothing is known
  int samples = 0;          ///< good ones
  int dropped = 0;          ///< that lost the core
};

/// By trial. Rounds that were cut short count as far as they went.
std::vector<Timing> time_in_rounds(std::span<const Trial> trials, const TimingOptions& options,
                                   const Clock& clock);

}  // namespace stepcast
