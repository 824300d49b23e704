#include "kernels/profiler/timing.h"

#include <time.h>

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

double seconds_of(clockid_t id) {
  timespec now{};
  STEPCAST_CHECK(clock_gettime(id, &now) == 0, "the clock can't be read");
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// What is known of a trial while rounds go on.
struct Record {
  int runs_per_sample = 1;
  int turn = 0;
  std::vector<double> of_rounds;  ///< median of each round that had a good sample
  int samples = 0;
  int dropped = 0;
  std::string failure;
};

class Sampler {
 public:
  Sampler(const TimingOptions& options, Stopwatch& stopwatch)
      : options_(options), stopwatch_(stopwatch) {}

  /// One round of one trial.
  void visit(const Trial& trial, Record& record) const {
    if (!record.failure.empty()) return;
    try {
      take_samples(trial, record);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInfeasible && error.kind() != ErrorKind::kUnsupported) throw;
      record.failure = error.what();
    }
  }

 private:
  void take_samples(const Trial& trial, Record& record) const {
    stopwatch_.prepare();
    const double first = sample(trial, record, 1).seconds;
    if (record.of_rounds.empty() && first > 0 && first < options_.least_sample)
      record.runs_per_sample = static_cast<int>(std::ceil(options_.least_sample / first));
    std::vector<double> good;
    const double begin = stopwatch_.now();
    const auto enough = [&] {
      return options_.enough > 0 && stopwatch_.now() - begin >= options_.enough;
    };
    for (int i = 0; i < options_.repeats && (i == 0 || !enough()) && stopwatch_.works(); ++i) {
      const Sample one = sample(trial, record, record.runs_per_sample);
      if (one.good)
        good.push_back(one.seconds);
      else
        ++record.dropped;
    }
    record.samples += static_cast<int>(good.size());
    if (!good.empty()) record.of_rounds.push_back(median(good));
  }

  Sample sample(const Trial& trial, Record& record, int runs) const {
    const int turn = record.turn;
    record.turn = (turn + runs) % trial.turns;
    return stopwatch_.sample(trial, turn, runs);
  }

  const TimingOptions& options_;
  Stopwatch& stopwatch_;
};

double disagreement_of(const std::vector<double>& of_rounds) {
  if (of_rounds.size() < 2) return 1;
  std::vector<double> halves[2];
  for (std::size_t i = 0; i < of_rounds.size(); ++i) halves[i % 2].push_back(of_rounds[i]);
  const double even = median(halves[0]), odd = median(halves[1]);
  return std::abs(even - odd) / std::min(even, odd);
}

Timing summary(const Record& record) {
  Timing timing{.rounds = static_cast<int>(record.of_rounds.size()),
                .samples = record.samples,
                .dropped = record.dropped,
                .failure = record.failure};
  if (record.of_rounds.empty()) return timing;
  timing.median = median(record.of_rounds);
  timing.q10 = percentile(record.of_rounds, 0.1);
  timing.q90 = percentile(record.of_rounds, 0.9);
  timing.disagreement = disagreement_of(record.of_rounds);
  return timing;
}

}  // namespace

double SystemClock::wall() const { return seconds_of(CLOCK_MONOTONIC); }
double SystemClock::cpu() const { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

Sample CoreStopwatch::sample(const Trial& trial, int turn, int runs) {
  /// Reading both clocks takes this long at the most.
  constexpr double kClockGrain = 1e-6;
  const double wall = clock_.wall(), cpu = clock_.cpu();
  for (int i = 0; i < runs; ++i) trial.run((turn + i) % trial.turns);
  const double cpu_spent = clock_.cpu() - cpu, wall_spent = clock_.wall() - wall;
  return {.seconds = wall_spent / runs,
          .good = wall_spent - cpu_spent <= most_lost_ * wall_spent + kClockGrain};
}

std::vector<Timing> time_in_rounds(std::span<const Trial> trials, const TimingOptions& options,
                                   Stopwatch& stopwatch) {
  const Sampler sampler(options, stopwatch);
  std::vector<Record> records(trials.size());
  const double begin = stopwatch.now();
  const auto stopped = [&] {
    return (options.stop != nullptr && options.stop->load()) || !stopwatch.works();
  };
  std::size_t done = 0;
  for (int round = 0; round < options.rounds && !stopped(); ++round) {
    if (options.budget > 0 && round > 0 && stopwatch.now() - begin > options.budget) break;
    for (std::size_t i = 0; i < trials.size() && !stopped(); ++i) {
      sampler.visit(trials[i], records[i]);
      if (options.progress)
        options.progress(++done, trials.size() * static_cast<std::size_t>(options.rounds));
    }
  }
  std::vector<Timing> timings;
  for (const Record& record : records) timings.push_back(summary(record));
  return timings;
}

}  // namespace stepcast
