#include "sim/engine/job_run.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "sim/base/error.h"
#include "sim/engine/attribute.h"
#include "sim/engine/channels.h"
#include "sim/engine/message_level.h"
#include "sim/engine/rank_walk.h"
#include "sim/engine/rendezvous.h"

namespace stepcast {
namespace {

std::vector<ProgramIndex> index_programs(const Job& job) {
  std::vector<ProgramIndex> result;
  result.reserve(job.programs.size());
  for (const Program& program : job.programs) result.emplace_back(program);
  return result;
}

class JobRun {
 public:
  JobRun(const Job& job, const Fabric& fabric, const CostModel& costs,
         const SimulateOptions& options, const EngineChoices& choices)
      : job_(job),
        options_(options),
        solver_(choices.solver ? *choices.solver : simgrid_solver()),
        costs_(cost_ops(job, costs)),
        programs_(index_programs(job)),
        channels_(find_channels(job, programs_, fabric, costs.network(), options)),
        folded_(channels_, job, programs_, fabric, costs.network(), costs_.transfers,
                choices.closed_forms && options.fidelity == Fidelity::kFluid),
        rendezvous_(folded_, solver_,
                    [this](const ChannelClass& channel, Rendezvous::MeetingId) { wake(channel); }) {
    capacities_ = folded_.capacities();
    if (options.fidelity == Fidelity::kMessage) carry_chunk_by_chunk(fabric, costs.network());
    compile_ranks(choices.compile);
  }

  Simulation run() {
    solver_.reset(capacities_);
    for (std::uint32_t rank_class = 0; rank_class < walks_.size(); ++rank_class)
      ready_.push_back(rank_class);
    advance_ready();
    solver_.run();
    check_all_done();
    return report();
  }

 private:
  const Classes& ranks() const { return folded_.quotient().ranks; }
  std::uint32_t program_of(std::uint32_t rank_class) const {
    return job_.ranks[ranks().representative[rank_class]].program;
  }

  /// Over the links themselves: nothing is folded.
  void carry_chunk_by_chunk(const Fabric& fabric, const NetworkProfile& network) {
    capacities_ = effective_capacities(fabric, network);
    message_level_.emplace(solver_, fabric, network);
    rendezvous_.set_carrier([this](std::uint32_t channel_class, std::uint32_t transfer,
                                   double start, FlowSolver::Callback done) {
      solver_.at(start, [this, channel_class, transfer, done = std::move(done)]() mutable {
        start_chunks(folded_.classes()[channel_class].channel, costs_.transfers[transfer],
                     std::move(done));
      });
    });
  }

  void start_chunks(std::uint32_t id, const TransferKey& transfer, FlowSolver::Callback done) {
    const Channel& channel = channels_.channels[id];
    if (channel.is_group())
      message_level_->start(channels_.geometry[id], transfer.kind, transfer.size, std::move(done));
    else
      message_level_->start_message(channel.from, channel.to, transfer.size, std::move(done));
  }

  void compile_ranks(const CompileOptions& options) {
    const std::uint32_t count = ranks().count();
    timings_.reserve(count);
    scripts_.reserve(count);
    walks_.reserve(count);
    is_ready_.assign(count, true);
    for (std::uint32_t id = 0; id < count; ++id) {
      const std::uint32_t program = program_of(id);
      timings_.push_back(timing_of(id));
      scripts_.push_back(compile(job_.programs[program], programs_[program],
                                 costs_.by_program[program], timings_.back(), options));
      walks_.emplace_back(id, job_.programs[program], programs_[program], scripts_.back(), folded_,
                          rendezvous_);
    }
  }

  RankTiming timing_of(std::uint32_t rank_class) {
    RankTiming timing;
    if (!options_.slowdown.empty())
      timing.slowdown = options_.slowdown[ranks().representative[rank_class]];
    for (int port = 0; port < kNumPorts; ++port) {
      const std::uint32_t channel = folded_.at(rank_class, static_cast<Port>(port));
      timing.is_local[port] = channel != kNone && folded_.classes()[channel].is_local();
    }
    timing.local_transfer = [this, rank_class](Port port, std::uint32_t transfer) {
      return folded_.plan(folded_.at(rank_class, port), transfer).uncontended;
    };
    return timing;
  }

  void wake(const ChannelClass& channel) {
    for (const auto& participant : channel.participants) {
      if (is_ready_[participant.rank_class]) continue;
      is_ready_[participant.rank_class] = true;
      ready_.push_back(participant.rank_class);
    }
    if (!advancing_) advance_ready();
  }

  void advance_ready() {
    advancing_ = true;
    while (!ready_.empty()) {
      const std::uint32_t next = ready_.back();
      ready_.pop_back();
      is_ready_[next] = false;
      steps_ += walks_[next].advance();
    }
    advancing_ = false;
  }

  void check_all_done() const {
    constexpr std::size_t kNamed = 8;
    std::string stuck;
    std::size_t count = 0;
    for (std::uint32_t id = 0; id < walks_.size(); ++id)
      for (const std::string& where : walks_[id].stuck())
        if (++count <= kNamed)
          stuck += "\n  rank " + std::to_string(ranks().representative[id]) + " (" +
                   job_.programs[program_of(id)].name + "): " + where;
    STEPCAST_CHECK(count == 0, "deadlock: these ops wait for each other for ever" + stuck);
  }

  Simulation report() {
    Simulation result;
    result.grade = costs_.grade;
    result.flows = solver_.num_flows();
    result.events = steps_;
    result.class_of_rank = ranks().of;
    double end = 0;
    for (const RankWalk& walk : walks_) end = std::max(end, walk.end());
    result.step_time = Seconds(end);
    for (std::uint32_t id = 0; id < walks_.size(); ++id) result.ranks.push_back(rank_report(id));
    if (options_.attribute || options_.spans)
      for (std::uint32_t id = 0; id < walks_.size(); ++id) account(id, result);
    return result;
  }

  RankReport rank_report(std::uint32_t id) const {
    RankReport rank;
    rank.representative = ranks().representative[id];
    rank.count = ranks().size[id];
    rank.program = program_of(id);
    rank.end = Seconds(walks_[id].end());
    return rank;
  }

  void account(std::uint32_t id, Simulation& result) const {
    const std::uint32_t program = program_of(id);
    RankAccount account = attribute({.rank_class = id,
                                     .program = job_.programs[program],
                                     .index = programs_[program],
                                     .costs = costs_.by_program[program],
                                     .timing = timings_[id],
                                     .channels = folded_,
                                     .rendezvous = rendezvous_},
                                    result.step_time.value(), options_.spans);
    RankReport& rank = result.ranks[id];
    rank.time = account.time;
    rank.compute_by_kind = std::move(account.compute_by_kind);
    for (Span& span : account.spans) {
      span.rank = rank.representative;
      result.trace.spans.push_back(span);
    }
  }

  const Job& job_;
  const SimulateOptions& options_;
  FlowSolver& solver_;
  OpCosts costs_;
  std::vector<ProgramIndex> programs_;
  JobChannels channels_;
  FoldedChannels folded_;
  Rendezvous rendezvous_;
  std::vector<double> capacities_;             // of the solver's links
  std::optional<MessageLevel> message_level_;  // Fidelity::kMessage
  std::vector<RankTiming> timings_;            // by rank class, as are the next three
  std::vector<Script> scripts_;
  std::vector<RankWalk> walks_;
  std::vector<bool> is_ready_;
  std::vector<std::uint32_t> ready_;
  bool advancing_ = false;
  std::uint64_t steps_ = 0;
};

}  // namespace

Simulation run_job(const Job& job, const Fabric& fabric, const CostModel& costs,
                   const SimulateOptions& options, const EngineChoices& choices) {
  STEPCAST_CHECK(options.slowdown.empty() || options.slowdown.size() == job.ranks.size(),
                 "one slowdown per rank");
  STEPCAST_CHECK(static_cast<std::int64_t>(job.ranks.size()) <= fabric.num_gpus(),
                 "more ranks than GPUs in the fabric");
  return JobRun(job, fabric, costs, options, choices).run();
}

}  // namespace stepcast
