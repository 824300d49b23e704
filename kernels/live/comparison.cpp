#include "kernels/live/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "kernels/live/core_clock.h"
#include "kernels/live/rank_main.h"
#include "kernels/live/round_profile.h"
#include "sim/base/printed.h"
#include "sim/ledger/statistics.h"
#include "sim/stepcast.h"

namespace stepcast {
namespace {

/// With fewer clean steps than this share the machine is too busy to be measured.
constexpr double kLeastClean = 0.5;
constexpr std::size_t kWorst = 6;

Simulation simulate_round(const Scenario& scenario, const Job& job, const Fabric& fabric,
                          const RoundProfile& round, bool spans) {
  DeviceProfile device = scenario.device_profile;
  device.points = round.kernels;
  device.device = scenario.topology.device.name;
  device.kernel_library = scenario.stack.kernel_library;
  NetworkProfile network = scenario.network_profile;
  network.points = round.transfers;
  const CostModel costs(scenario.topology.device, device, network, scenario.stack);
  SimulateOptions options;
  options.folding = Folding::kOff;
  options.slowdown = round.slowdown;
  options.attribute = options.spans = spans;
  return simulate(job, fabric, costs, options);
}

// ---- The step, round by round -----------------------------------------------------------------

/// Clean steps by round.
std::map<std::int64_t, std::vector<double>> clean_steps(const std::vector<RankRecords>& ranks,
                                                        LiveComparison& comparison) {
  std::map<std::int64_t, std::vector<double>> rounds;
  for (std::size_t s = 0; s < ranks.front().steps.size(); ++s) {
    const StepRecord& step = ranks.front().steps[s];
    if (step.round < 0 || !step.timed) continue;
    ++comparison.steps;
    if (is_clean(ranks, s))
      rounds[step.round].push_back(step_time(ranks, s).value());
    else
      ++comparison.disturbed;
  }
  return rounds;
}

void compare_rounds(const Scenario& scenario, const Job& job, const Fabric& fabric,
                    const std::vector<RankRecords>& ranks, LiveComparison& comparison) {
  std::vector<double> predicted, measured, errors, all;
  const auto rounds = clean_steps(ranks, comparison);
  const std::size_t clean = comparison.steps - comparison.disturbed;
  if (static_cast<double>(clean) < kLeastClean * static_cast<double>(comparison.steps)) {
    comparison.not_measurable =
        printed("other programs had the cores in %zu of %zu steps; try again when they are done",
                comparison.disturbed, comparison.steps);
    return;
  }
  for (const auto& [round, steps] : rounds) {
    std::string missing;
    const auto profile = round_profile(job, ranks, static_cast<std::size_t>(round), missing);
    if (!profile) {
      comparison.not_measurable =
          "no round could time " + missing + " without another program on its core";
      return;
    }
    predicted.push_back(simulate_round(scenario, job, fabric, *profile, false).step_time.value());
    measured.push_back(median(steps));
    errors.push_back(predicted.back() / measured.back() - 1);
    all.insert(all.end(), steps.begin(), steps.end());
  }
  comparison.rounds_used = rounds.size();
  comparison.predicted = Seconds(median(predicted));
  comparison.measured = Seconds(median(measured));
  comparison.measured_q10 = Seconds(percentile(all, 0.1));
  comparison.measured_q90 = Seconds(percentile(all, 0.9));
  comparison.error = median(errors);
}

// ---- Parts of the step ------------------------------------------------------------------------

constexpr std::array<std::string_view, 6> kPhaseNames = {
    "forward", "backward", "recompute", "gradient synchronisation", "optimizer", "other"};

/// Seconds of each op of a step, by place in RankRecords::last_ops: medians over clean steps.
std::vector<double> measured_ops(const std::vector<RankRecords>& ranks, std::size_t rank) {
  std::vector<std::vector<double>> samples(ranks[rank].last_ops.size());
  std::size_t timed = 0;
  for (std::size_t s = 0; s < ranks[rank].steps.size(); ++s) {
    const StepRecord& step = ranks[rank].steps[s];
    if (step.round < 0 || !step.timed) continue;
    const std::vector<float>& seconds = ranks[rank].op_seconds[timed++];
    if (!is_clean(ranks, s)) continue;
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i].push_back(static_cast<double>(seconds[i]));
  }
  std::vector<double> medians;
  for (const std::vector<double>& sample : samples) medians.push_back(median(sample));
  return medians;
}

/// Sums by name, in order of first mention.
class Parts {
 public:
  explicit Parts(double ranks) : ranks_(ranks) {}
  void predicted(std::string_view name, double seconds) { part(name).predicted += share(seconds); }
  void measured(std::string_view name, double seconds) { part(name).measured += share(seconds); }
  std::vector<ComparedPart> take() {
    std::erase_if(parts_, [](const ComparedPart& part) {
      return part.predicted <= Seconds(0) && part.measured <= Seconds(0);
    });
    return std::move(parts_);
  }

 private:
  Seconds share(double seconds) const { return Seconds(seconds / ranks_); }
  ComparedPart& part(std::string_view name) {
    const auto at = std::ranges::find(parts_, name, &ComparedPart::name);
    if (at != parts_.end()) return *at;
    return parts_.emplace_back(
        ComparedPart{.name = std::string(name), .predicted = {}, .measured = {}});
  }

  double ranks_;
  std::vector<ComparedPart> parts_;
};

constexpr std::string_view kTensor = "tensor-parallel communication",
                           kData = "data-parallel communication",
                           kEmbedding = "embedding gradients",
                           kPipeline = "pipeline and its bubble";

std::string_view name_of_group(GroupRole role) {
  switch (role) {
    case GroupRole::kTensor:
      return kTensor;
    case GroupRole::kData:
    case GroupRole::kModel:  // the gradient norm, which the simulator counts here too
      return kData;
    case GroupRole::kEmbedding:
      return kEmbedding;
  }
  return kData;
}

class PartsOfStep {
 public:
  explicit PartsOfStep(std::size_t ranks)
      : phases_(static_cast<double>(ranks)),
        classes_(static_cast<double>(ranks)),
        exposed_(static_cast<double>(ranks)),
        kernels_(static_cast<double>(ranks)) {}

  void predict(const Op& op, double seconds) {
    if (const auto* compute = std::get_if<Compute>(&op.what)) {
      phases_.predicted(kPhaseNames[static_cast<std::size_t>(op.origin.phase)], seconds);
      classes_.predicted(info(compute->kernel.kind).report_class, seconds);
      kernels_.predicted(to_text(compute->kernel), seconds);
    }
  }
  void predict(const RankReport& rank) {
    exposed_.predicted(kTensor, rank.time.wait_tensor.value());
    exposed_.predicted(kData, rank.time.wait_data.value());
    exposed_.predicted(kEmbedding, rank.time.wait_embedding.value());
    exposed_.predicted(kPipeline, rank.time.wait_pipeline.value());
  }
  void measure(const Op& op, double seconds) {
    if (const auto* compute = std::get_if<Compute>(&op.what)) {
      phases_.measured(kPhaseNames[static_cast<std::size_t>(op.origin.phase)], seconds);
      classes_.measured(info(compute->kernel.kind).report_class, seconds);
      kernels_.measured(to_text(compute->kernel), seconds);
    } else if (const auto* collective = std::get_if<Collective>(&op.what)) {
      exposed_.measured(name_of_group(collective->group), seconds);
    } else {
      exposed_.measured(kPipeline, seconds);
    }
  }

  void put(LiveComparison& comparison) {
    comparison.phases = phases_.take();
    comparison.classes = classes_.take();
    comparison.exposed = exposed_.take();
    comparison.worst = kernels_.take();
    comparison.worst.insert(comparison.worst.end(), comparison.exposed.begin(),
                            comparison.exposed.end());
    std::ranges::stable_sort(comparison.worst, [](const ComparedPart& a, const ComparedPart& b) {
      return std::abs(a.off().value()) > std::abs(b.off().value());
    });
    if (comparison.worst.size() > kWorst) comparison.worst.resize(kWorst);
  }

 private:
  Parts phases_, classes_, exposed_, kernels_;
};

void compare_parts(const Scenario& scenario, const Job& job, const Fabric& fabric,
                   const std::vector<RankRecords>& ranks, LiveComparison& comparison) {
  std::string missing;
  const Simulation simulation =
      simulate_round(scenario, job, fabric, *median_profile(job, ranks, missing), true);
  const auto op_of = [&](std::size_t rank, std::uint32_t call, std::uint32_t op) -> const Op& {
    const Program& program = job.programs[job.ranks[rank].program];
    return program.blocks[program.calls[call].block].ops[op];
  };
  PartsOfStep parts(ranks.size());
  for (const Span& span : simulation.trace.spans)
    parts.predict(op_of(span.rank, span.call, span.op), (span.end - span.begin).value());
  for (const RankReport& rank : simulation.ranks) parts.predict(rank);
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    const std::vector<double> seconds = measured_ops(ranks, rank);
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      const TimedOp& op = ranks[rank].last_ops[i];
      parts.measure(op_of(rank, op.call, op.op), seconds[i]);
    }
  }
  parts.put(comparison);
}

}  // namespace

bool is_clean(const std::vector<RankRecords>& ranks, std::size_t step) {
  // Ranks that share a core take it from each other.
  if (ranks.size() > usable_cores().size()) return true;
  return std::ranges::all_of(ranks, [step](const RankRecords& rank) {
    return rank.steps[step].lost <= kMostLost * rank.steps[step].wall;
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
  if (scenario.stack.kernel_library != "stepcast")
    throw Error(
        ErrorKind::kUnsupported,
        "stack \"" + scenario.stack.name +
            "\" is not what a live run executes; its kernel_library must be \"stepcast\", as "
            "in stack \"stepcast-live\"");
  LiveComparison comparison;
  comparison.memory = compare_memory(job, outcome);
  const bool told = std::ranges::all_of(outcome.ranks, &RankRecords::lost_known);
  if (!outcome.failure.empty()) comparison.not_measurable = "the run ended early";
  if (!told)
    comparison.not_measurable =
        "this system does not say when a rank loses its core (/proc/thread-self/schedstat)";
  if (!comparison.not_measurable.empty()) return comparison;
  for (const RankRecords& rank : outcome.ranks)
    comparison.rounds = std::max(comparison.rounds, rank.rounds.size());
  const Fabric fabric = build_fabric(scenario);
  compare_rounds(scenario, job, fabric, outcome.ranks, comparison);
  if (comparison.not_measurable.empty())
    compare_parts(scenario, job, fabric, outcome.ranks, comparison);
  return comparison;
}

}  // namespace stepcast
