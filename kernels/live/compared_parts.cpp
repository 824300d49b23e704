#include "kernels/live/compared_parts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string_view>

#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

constexpr std::size_t kWorst = 6;

constexpr std::array<std::string_view, 6> kPhaseNames = {
    "forward", "backward", "recompute", "gradient synchronisation", "optimizer", "other"};

const Op& op_of(const Job& job, std::size_t rank, std::uint32_t call, std::uint32_t op) {
  const Program& program = job.programs[job.ranks[rank].program];
  return program.blocks[program.calls[call].block].ops[op];
}

bool shares_core(const std::vector<RankRecords>& ranks) {
  return std::ranges::any_of(ranks, [](const RankRecords& rank) { return rank.sharing > 1; });
}

/// Seconds of each op of a step, by place in RankRecords::last_ops.
std::vector<double> measured_ops(const RankRecords& rank, const std::vector<CleanStep>& steps,
                                 bool means) {
  std::vector<double> seconds;
  for (std::size_t i = 0; i < rank.last_ops.size(); ++i) {
    std::vector<double> samples;
    for (const CleanStep& step : steps) samples.push_back(rank.op_times[step.timed][i].seconds());
    seconds.push_back(means ? mean(samples) : median(samples));
  }
  return seconds;
}

// ---- Sums by name -----------------------------------------------------------------------------

/// In order of first mention.
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

  ComparedParts take() {
    ComparedParts parts{.phases = phases_.take(),
                        .classes = classes_.take(),
                        .exposed = exposed_.take(),
                        .worst = kernels_.take(),
                        .bubble = {}};
    parts.worst.insert(parts.worst.end(), parts.exposed.begin(), parts.exposed.end());
    std::ranges::stable_sort(parts.worst, [](const ComparedPart& a, const ComparedPart& b) {
      return std::abs(a.off().value()) > std::abs(b.off().value());
    });
    if (parts.worst.size() > kWorst) parts.worst.resize(kWorst);
    return parts;
  }

 private:
  Parts phases_, classes_, exposed_, kernels_;
};

// ---- The bubble -------------------------------------------------------------------------------

bool has_pipeline(const Job& job) {
  return std::ranges::any_of(job.ranks, [](const RankPlace& rank) { return rank.next != kNone; });
}

/// Of an op that waits for other stages: how long it takes by itself. Nothing for other ops.
class OwnTime {
 public:
  OwnTime(const Job& job, const MeasuredTransfers& transfers) : job_(job), transfers_(transfers) {}

  std::optional<double> of_message(const Op& op) const {
    const auto* receive = std::get_if<Recv>(&op.what);
    if (!receive) return {};
    return transfers_.time({}, 2, receive->size).value_or(Seconds(0)).value();
  }
  std::optional<double> of_collective(const Op& op, std::size_t rank) const {
    const auto* collective = std::get_if<Collective>(&op.what);
    if (!collective) return {};
    if (collective->group != GroupRole::kModel && collective->group != GroupRole::kEmbedding)
      return {};
    const std::uint32_t group = job_.ranks[rank].group[static_cast<std::size_t>(collective->group)];
    if (group == kNone) return {};
    const auto members = static_cast<std::int64_t>(job_.groups[group].ranks.size());
    return transfers_.time(collective->kind, members, collective->size)
        .value_or(Seconds(0))
        .value();
  }

 private:
  const Job& job_;
  const MeasuredTransfers& transfers_;
};

double predicted_bubble(const Job& job, const Simulation& simulation, const OwnTime& own) {
  double sum = 0;
  for (const RankReport& rank : simulation.ranks)
    sum += (rank.time.wait_pipeline - rank.time.transfer_pipeline + rank.time.tail).value();
  for (const Span& span : simulation.trace.spans)
    if (const auto by_itself =
            own.of_collective(op_of(job, span.rank, span.call, span.op), span.rank))
      sum += std::max(0.0, (span.end - span.begin).value() - *by_itself);
  return sum / static_cast<double>(job.ranks.size());
}

double measured_bubble(const Job& job, const std::vector<RankRecords>& ranks, CleanStep step,
                       const OwnTime& own) {
  double longest = 0, sum = 0;
  for (const RankRecords& rank : ranks) longest = std::max(longest, rank.steps[step.step].wall);
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    sum += longest - ranks[r].steps[step.step].wall;
    const std::vector<OpTime>& times = ranks[r].op_times[step.timed];
    for (std::size_t i = 0; i < times.size(); ++i) {
      const Op& op = op_of(job, r, ranks[r].last_ops[i].call, ranks[r].last_ops[i].op);
      const auto message = own.of_message(op);
      const auto by_itself = message ? message : own.of_collective(op, r);
      if (by_itself) sum += std::max(0.0, times[i].seconds() - *by_itself);
    }
  }
  return sum / static_cast<double>(ranks.size());
}

}  // namespace

std::optional<ComparedPart> compare_bubble(const Job& job, const Simulation& simulation,
                                           const std::vector<RankRecords>& ranks,
                                           const std::vector<CleanStep>& steps,
                                           const MeasuredTransfers& transfers) {
  if (!has_pipeline(job)) return {};
  const OwnTime own(job, transfers);
  std::vector<double> measured;
  for (const CleanStep& step : steps) measured.push_back(measured_bubble(job, ranks, step, own));
  return ComparedPart{.name = "pipeline bubble",
                      .predicted = Seconds(predicted_bubble(job, simulation, own)),
                      .measured = Seconds(median(measured))};
}

ComparedParts compare_parts(const Job& job, const Simulation& simulation,
                            const std::vector<RankRecords>& ranks,
                            const std::vector<CleanStep>& steps,
                            const MeasuredTransfers& transfers) {
  PartsOfStep parts(ranks.size());
  for (const Span& span : simulation.trace.spans)
    parts.predict(op_of(job, span.rank, span.call, span.op), (span.end - span.begin).value());
  for (const RankReport& rank : simulation.ranks) parts.predict(rank);
  const bool means = shares_core(ranks);
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const std::vector<double> seconds = measured_ops(ranks[r], steps, means);
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      const TimedOp& op = ranks[r].last_ops[i];
      parts.measure(op_of(job, r, op.call, op.op), seconds[i]);
    }
  }
  ComparedParts compared = parts.take();
  compared.bubble = compare_bubble(job, simulation, ranks, steps, transfers);
  return compared;
}

}  // namespace stepcast
