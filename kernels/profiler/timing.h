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
#include <string>
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

/// Some runs of a trial, timed together.
struct Sample {
  double seconds = 0;  ///< of one run
  bool good = true;    ///< false: something disturbed it, and it does not count
};

/// How runs of a device are timed: by the clock of the core that does them, by events of a GPU.
class Stopwatch {
 public:
  virtual ~Stopwatch() = default;
  /// Seconds since some moment, for budgets.
  virtual double now() const = 0;
  /// Before the samples of one trial in a round: brings the device into the state in which it is to
  /// be timed.
  virtual void prepare() {}
  /// `runs` runs, on turn `turn` and those after it. Throws Error(kInfeasible) or
  /// Error(kUnsupported) when the device can't do this trial, now or later.
  virtual Sample sample(const Trial& trial, int turn, int runs) = 0;
  /// False: the device does not work any more, so nothing else is tried.
  virtual bool works() const { return true; }
};

/// Trials that are done when run() returns, by a clock. Samples that lost the core do not count.
class CoreStopwatch final : public Stopwatch {
 public:
  /// `most_lost`: the share of its core that a sample may lose.
  explicit CoreStopwatch(const Clock& clock, double most_lost = 0.03)
      : clock_(clock), most_lost_(most_lost) {}
  double now() const override { return clock_.wall(); }
  Sample sample(const Trial& trial, int turn, int runs) override;

 private:
  const Clock& clock_;
  double most_lost_;
};

struct TimingOptions {
  int rounds = 8;
  int repeats = 3;             ///< samples of a trial in a round, after one run that does not count
  double least_sample = 5e-6;  ///< seconds; shorter runs are timed several at once
  /// Seconds of samples of a trial after which a round takes no more of it; 0: always all of them.
  double enough = 0;
  double budget = 0;                        ///< seconds; no round begins after it; 0: none
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
  int dropped = 0;          ///< that were disturbed
  std::string failure{};    ///< why the device can't do this trial; empty: it can
};

/// By trial. Rounds that were cut short count as far as they went. A trial that fails is left out
/// from then on; the others go on.
std::vector<Timing> time_in_rounds(std::span<const Trial> trials, const TimingOptions& options,
                                   Stopwatch& stopwatch);

}  // namespace stepcast
