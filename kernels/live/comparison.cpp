#include "kernels/live/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "kernels/live/core_clock.h"
#include "kernels/live/round_profile.h"
#include "sim/base/printed.h"
#include "sim/ledger/statistics.h"
#include "sim/stepcast.h"

namespace stepcast {
namespace {

/// With fewer clean steps than this share the machine is too busy to be measured.
constexpr double kLeastClean = 0.5;

/// Steps by round, and what the pieces of rounds predict for them.
class RoundsOfRun {
 public:
  RoundsOfRun(const Scenario& scenario, const Job& job, const std::vector<RankRecords>& ranks)
      : scenario_(scenario),
        job_(job),
        ranks_(ranks),
        fabric_(build_fabric(scenario)),
        outside_ops_(outside_ops(ranks)) {}

  void compare(LiveComparison& comparison) {
    find_clean_steps(comparison);
    if (static_cast<double>(clean_.size()) < kLeastClean * static_cast<double>(comparison.steps)) {
      comparison.worth_another_try = true;
      comparison.not_measurable =
          printed("other programs had the cores in %zu of %zu steps; try again when they are done",
                  comparison.disturbed, comparison.steps);
      return;
    }
    try {
      LiveComparison found = comparison;
      compare_steps(found);
      compare_states(found);
      compare_ops(found);
      comparison = std::move(found);
    } catch (const UnknownPiece& piece) {
      comparison.worth_another_try = true;
      comparison.not_measurable =
          "no round could time " + piece.name + " without another program on its core";
    }
  }

 private:
  struct UnknownPiece {
    std::string name;
  };

  /// By rank, of the steps that do not count, the first of each round: medians. Most of it passes
  /// before the first op.
  static std::vector<Seconds> outside_ops(const std::vector<RankRecords>& ranks) {
    std::vector<Seconds> by_rank;
    for (const RankRecords& rank : ranks) {
      std::vector<double> seconds;
      for (const StepRecord& step : rank.steps)
        if (step.round >= 0 && !step.timed) seconds.push_back(step.outside);
      by_rank.emplace_back(seconds.empty() ? 0 : median(seconds));
    }
    return by_rank;
  }

  void find_clean_steps(LiveComparison& comparison) {
    std::size_t timed = 0;
    for (std::size_t s = 0; s < ranks_.front().steps.size(); ++s) {
      const StepRecord& step = ranks_.front().steps[s];
      if (step.round < 0 || !step.timed) continue;
      ++comparison.steps;
      if (is_clean(ranks_, s)) clean_.push_back({.step = s, .timed = timed});
      ++timed;
    }
    comparison.disturbed = comparison.steps - clean_.size();
  }

  void compare_steps(LiveComparison& comparison) {
    std::map<std::int64_t, std::vector<double>> rounds;
    std::vector<double> predicted, measured, errors, all;
    for (const CleanStep& step : clean_) {
      all.push_back(step_time(ranks_, step.step).value());
      rounds[ranks_.front().steps[step.step].round].push_back(all.back());
    }
    for (const auto& [round, steps] : rounds) {
      predicted.push_back(simulate(profile_of_round(round), false).step_time.value());
      measured.push_back(median(steps));
      errors.push_back(predicted.back() / measured.back() - 1);
    }
    comparison.rounds_used = rounds.size();
    comparison.predicted = Seconds(median(predicted));
    comparison.measured = Seconds(median(measured));
    comparison.measured_q10 = Seconds(percentile(all, 0.1));
    comparison.measured_q90 = Seconds(percentile(all, 0.9));
    comparison.error = median(errors);
  }

  /// How much shorter and longer medians over rounds make the step, applied to its prediction: no
  /// single round has to know all three.
  void compare_states(LiveComparison& comparison) const {
    const auto step = [this](KernelState state) {
      return simulate(profile_of(state), false).step_time;
    };
    const Seconds in_place = step(KernelState::kInPlace);
    comparison.predicted_warm = comparison.predicted * (step(KernelState::kWarm) / in_place);
    comparison.predicted_cold = comparison.predicted * (step(KernelState::kCold) / in_place);
  }

  void compare_ops(LiveComparison& comparison) const {
    const RoundProfile profile = profile_of(KernelState::kInPlace);
    Simulation simulation = simulate(profile, true);
    comparison.parts = compare_parts(job_, simulation, ranks_, clean_, profile.transfers);
    comparison.predicted_trace = std::move(simulation.trace);
    comparison.measured_trace = trace_of(typical_step());
  }

  CleanStep typical_step() const {
    std::vector<double> times;
    for (const CleanStep& step : clean_) times.push_back(step_time(ranks_, step.step).value());
    const double middle = median(times);
    const auto distance = [&](const CleanStep& step) {
      return std::abs(step_time(ranks_, step.step).value() - middle);
    };
    return *std::ranges::min_element(clean_, {}, distance);
  }

  /// Ranks begin a step together, so each one's clock starts there: hosts need no common one.
  Trace trace_of(const CleanStep& step) const {
    Trace trace;
    for (std::size_t r = 0; r < ranks_.size(); ++r)
      for (std::size_t i = 0; i < ranks_[r].last_ops.size(); ++i) {
        const OpTime& time = ranks_[r].op_times[step.timed][i];
        trace.spans.push_back({.rank = static_cast<Rank>(r),
                               .call = ranks_[r].last_ops[i].call,
                               .op = ranks_[r].last_ops[i].op,
                               .begin = Seconds(time.begin),
                               .end = Seconds(time.end)});
      }
    return trace;
  }

  RoundProfile profile_of_round(std::int64_t round) const {
    std::string missing;
    auto profile = round_profile(job_, ranks_, static_cast<std::size_t>(round), missing);
    if (!profile) throw UnknownPiece{missing};
    return *std::move(profile);
  }
  RoundProfile profile_of(KernelState state) const {
    std::string missing;
    auto profile = median_profile(job_, ranks_, state, missing);
    if (!profile) throw UnknownPiece{missing};
    return *std::move(profile);
  }

  Simulation simulate(const RoundProfile& round, bool spans) const {
    DeviceProfile device = scenario_.device_profile;
    device.points = round.kernels;
    device.device = scenario_.topology.device.name;
    device.kernel_library = scenario_.stack.kernel_library;
    NetworkProfile network = scenario_.network_profile;
    network.points = round.transfers;
    const CostModel costs(scenario_.topology.device, device, network, scenario_.stack);
    SimulateOptions options;
    options.folding = Folding::kOff;
    options.slowdown = round.slowdown;
    options.start = outside_ops_;
    for (const RankRecords& rank : ranks_)
      options.processor.push_back(static_cast<std::uint32_t>(rank.processor));
    options.attribute = options.spans = spans;
    return stepcast::simulate(job_, fabric_, costs, options);
  }

  const Scenario& scenario_;
  const Job& job_;
  const std::vector<RankRecords>& ranks_;
  Fabric fabric_;
  std::vector<Seconds> outside_ops_;
  std::vector<CleanStep> clean_;
};

}  // namespace

void check_comparable(const Scenario& scenario) {
  if (scenario.stack.kernel_library != "stepcast")
    throw Error(
        ErrorKind::kUnsupported,
        "stack \"" + scenario.stack.name +
            "\" is not what a live run executes; its kernel_library must be \"stepcast\", as "
            "in stack \"stepcast-live\"");
}

bool is_clean(const std::vector<RankRecords>& ranks, std::size_t step) {
  return std::ranges::all_of(ranks, [step](const RankRecords& rank) {
    // Ranks that share a core take it from each other.
    return rank.sharing > 1 || rank.steps[step].lost <= kMostLost * rank.steps[step].wall;
  });
}

Seconds step_time(const std::vector<RankRecords>& ranks, std::size_t step) {
  double longest = 0;
  for (const RankRecords& rank : ranks) longest = std::max(longest, rank.steps[step].wall);
  return Seconds(longest);
}

std::vector<ComparedMemory> compare_memory(const Job& job, const LiveOutcome& outcome) {
  std::vector<ComparedMemory> memory;
  for (std::size_t r = 0; r < outcome.ranks.size(); ++r) {
    if (!outcome.ranks[r].complete) continue;
    const Program& program = job.programs[job.ranks[r].program];
    memory.push_back({.name = "rank " + std::to_string(r) + ", " + program.name,
                      .predicted = walk_memory(program).total,
                      .measured = outcome.ranks[r].peak_memory});
  }
  return memory;
}

LiveComparison compare(const Scenario& scenario, const Job& job, const LiveOutcome& outcome) {
  check_comparable(scenario);
  LiveComparison comparison;
  if (!outcome.failure.empty()) {
    comparison.not_measurable = "the run ended early";
    return comparison;
  }
  if (!std::ranges::all_of(outcome.ranks, &RankRecords::lost_known)) {
    comparison.not_measurable =
        "this system does not say when a rank loses its core (/proc/thread-self/schedstat)";
    return comparison;
  }
  for (const RankRecords& rank : outcome.ranks) {
    comparison.rounds = std::max(comparison.rounds, rank.rounds.size());
    comparison.ranks_per_core = std::max(comparison.ranks_per_core, rank.sharing);
  }
  RoundsOfRun(scenario, job, outcome.ranks).compare(comparison);
  return comparison;
}

}  // namespace stepcast
