// The pipeline bubble against its textbook formula, of a step that never ran: every layer takes the
// same time, and nothing else takes any.
#include "kernels/live/compared_parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "kernels/live/comparison.h"
#include "kernels/live/program_bench.h"
#include "sim/stepcast.h"

namespace stepcast {
namespace {

constexpr double kNothing = 1e-9, kWork = 1e-3;

/// Kernels that every stage has as many of.
bool is_work(const Kernel& kernel, std::int64_t vocabulary) {
  const bool projection_to_words =
      std::ranges::any_of(kernel.dims, [&](std::int64_t dim) { return dim == vocabulary; });
  const auto name = info(kernel.kind).name;
  return !projection_to_words && (name.starts_with("gemm") || name.starts_with("flash_attention"));
}

/// Ranks of one pipeline, each doing its ops in the order of issue; messages take no time.
class Walk {
 public:
  Walk(const Job& job, const std::map<std::string, double>& seconds)
      : job_(job), seconds_(seconds), records_(job.ranks.size()), walked_(job.ranks.size()) {}

  std::vector<RankRecords> run() && {
    for (bool moved = true; moved;) {
      moved = false;
      for (Rank rank = 0; rank < records_.size(); ++rank)
        while (next(rank)) moved = true;
    }
    for (Rank rank = 0; rank < records_.size(); ++rank) {
      records_[rank].complete = true;
      records_[rank].processor = static_cast<std::int32_t>(rank);
      records_[rank].steps = {{.step = 1, .round = 0, .timed = true, .wall = walked_[rank].now}};
      records_[rank].op_times = {times_[rank]};
    }
    return std::move(records_);
  }

 private:
  struct Progress {
    std::uint32_t call = 0, op = 0;
    double now = 0;
    std::size_t met = 0;  ///< collectives so far
  };

  const Program& program(Rank rank) const { return job_.programs[job_.ranks[rank].program]; }

  /// False when the rank waits, or is done.
  bool next(Rank rank) {
    Progress& at = walked_[rank];
    const Program& program = this->program(rank);
    if (at.call == program.calls.size()) return false;
    const std::vector<Op>& ops = program.blocks[program.calls[at.call].block].ops;
    if (at.op < ops.size()) {
      const double begin = at.now;
      if (!perform(ops[at.op], rank, at)) return false;
      if (takes_time(ops[at.op])) {
        records_[rank].last_ops.push_back({.call = at.call, .op = at.op});
        times_[rank].push_back({.begin = begin, .end = at.now});
      }
      ++at.op;
    }
    if (at.op == ops.size()) {
      ++at.call;
      at.op = 0;
    }
    return true;
  }

  static bool takes_time(const Op& op) {
    return std::holds_alternative<Compute>(op.what) ||
           std::holds_alternative<Collective>(op.what) || std::holds_alternative<Send>(op.what) ||
           std::holds_alternative<Recv>(op.what);
  }

  bool perform(const Op& op, Rank rank, Progress& at) {
    if (const auto* compute = std::get_if<Compute>(&op.what))
      at.now += seconds_.at(to_text(compute->kernel));
    if (const auto* send = std::get_if<Send>(&op.what))
      mail_[{rank, peer(rank, send->peer)}].push_back(at.now);
    if (const auto* receive = std::get_if<Recv>(&op.what)) {
      const std::pair<Rank, Rank> from{peer(rank, receive->peer), rank};
      if (taken_[from] == mail_[from].size()) return false;
      at.now = std::max(at.now, mail_[from][taken_[from]++]);
    }
    return !std::holds_alternative<Collective>(op.what) || meet(rank, at);
  }

  /// All collectives of a plan without replicas are between all its ranks.
  bool meet(Rank rank, Progress& at) {
    if (arrivals_.size() <= at.met) arrivals_.resize(at.met + 1);
    arrivals_[at.met][rank] = at.now;
    if (arrivals_[at.met].size() < records_.size()) return false;
    for (const auto& [other, time] : arrivals_[at.met]) at.now = std::max(at.now, time);
    ++at.met;
    return true;
  }

  Rank peer(Rank rank, Peer peer) const {
    return peer == Peer::kNext ? job_.ranks[rank].next : job_.ranks[rank].previous;
  }

  const Job& job_;
  const std::map<std::string, double>& seconds_;
  std::vector<RankRecords> records_;
  std::vector<Progress> walked_;
  std::map<Rank, std::vector<OpTime>> times_;
  std::map<std::pair<Rank, Rank>, std::vector<double>> mail_;
  std::map<std::pair<Rank, Rank>, std::size_t> taken_;
  std::vector<std::map<Rank, double>> arrivals_;
};

LiveComparison comparison_of(const Scenario& scenario, const Job& job) {
  const JobPieces pieces = pieces_of(job);
  std::map<std::string, double> seconds;
  std::vector<double> times(pieces.count(), kNothing);
  for (std::size_t k = 0; k < pieces.kernels.size(); ++k) {
    const double time = is_work(pieces.kernels[k], scenario.model.vocab_size) ? kWork : kNothing;
    seconds[to_text(pieces.kernels[k])] = time;
    for (const KernelState state : {KernelState::kInPlace, KernelState::kWarm, KernelState::kCold})
      times[pieces.kernel_at(state, k)] = time;
  }
  LiveOutcome outcome{.ranks = Walk(job, seconds).run(), .failure = {}};
  for (RankRecords& rank : outcome.ranks) rank.rounds = {times};
  return compare(scenario, job, outcome);
}

/// Two stages, four microbatches: (p - 1) / (m + p - 1) = 1 / 5 of the step.
TEST(PipelineBubble, IsThatOfTheTextbook) {
  for (const char* name : {"live-small-pp2-gpipe", "live-small-pp2-1f1b"}) {
    const Scenario scenario =
        load_scenario(std::string(STEPCAST_SOURCE_DIR) + "/scenarios/" + name + ".json",
                      Library{STEPCAST_SOURCE_DIR});
    const Job job = build_programs(scenario);
    const LiveComparison comparison = comparison_of(scenario, job);
    ASSERT_EQ(comparison.not_measurable, "") << name;
    EXPECT_NEAR(comparison.error, 0, 1e-2) << name;
    ASSERT_TRUE(comparison.parts.bubble) << name;
    EXPECT_NEAR(comparison.parts.bubble->predicted / comparison.predicted, 0.2, 1e-2) << name;
    EXPECT_NEAR(comparison.parts.bubble->measured / comparison.measured, 0.2, 1e-3) << name;
  }
}

}  // namespace
}  // namespace stepcast
