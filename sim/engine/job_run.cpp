#include "sim/engine/job_run.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "sim/base/error.h"
#include "sim/engine/attribute.h"
#include "sim/engine/channel_plans.h"
#include "sim/engine/meetings.h"
#include "sim/engine/message_level.h"
#include "sim/engine/processors.h"
#include "sim/engine/rank_walk.h"

namespace stepcast {
namespace {

class JobRun {
 public:
  JobRun(const PreparedJob& prepared, const JobCosts& costs, const EngineChoices& choices)
      : prepared_(prepared),
        folded_(prepared.folded),
        with_account_(choices.with_account &&
                      (prepared.options.attribute || prepared.options.spans)),
        solver_(choices.solver ? *choices.solver : simgrid_solver()),
        costs_(costs),
        plans_(folded_, prepared.job, costs, prepared.ops.transfers()),
        meetings_(folded_, plans_, solver_,
                  [this](const ChannelClass& channel, Meetings::MeetingId) { wake(channel); }),
        capacities_(plans_.capacities(prepared.fabric)) {
    if (prepared.options.fidelity == Fidelity::kMessage) carry_chunk_by_chunk();
    share_processors();
    for (std::uint32_t model = 0; model < costs.models().size(); ++model) cost_with(model);
    find_overlaps();
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
    return prepared_.job.ranks[ranks().representative[rank_class]].program;
  }
  const Program& program(std::uint32_t id) const { return prepared_.job.programs[id]; }
  ProgramCosts costs_of(std::uint32_t program) const {
    return {op_costs_[costs_.model_of(program)].distinct, prepared_.ops.of_program(program)};
  }

  /// A model is asked for the kernels of its own programs only: it may not know the others.
  void cost_with(std::uint32_t model) {
    std::vector<bool> wanted;
    if (costs_.models().size() > 1) {
      wanted.resize(prepared_.ops.distinct().size());
      for (std::uint32_t id = 0; id < prepared_.job.programs.size(); ++id)
        if (costs_.model_of(id) == model)
          for (const auto& block : prepared_.ops.of_program(id))
            for (const std::uint32_t op : block) wanted[op] = true;
    }
    op_costs_.push_back(cost_ops(prepared_.ops, *costs_.models()[model], wanted));
    rates_.emplace_back(*costs_.models()[model]);
  }

  /// Over the links themselves: nothing is folded.
  void carry_chunk_by_chunk() {
    capacities_.clear();
    for (const Link& link : prepared_.fabric.links()) capacities_.push_back(costs_.capacity(link));
    message_level_.emplace(solver_, prepared_.fabric, capacities_);
    meetings_.set_carrier([this](std::uint32_t channel_class, std::uint32_t transfer, double start,
                                 FlowSolver::Callback done) {
      solver_.at(start, [this, channel_class, transfer, done = std::move(done)]() mutable {
        start_chunks(channel_class, transfer, std::move(done));
      });
    });
  }

  void start_chunks(std::uint32_t channel_class, std::uint32_t transfer,
                    FlowSolver::Callback done) {
    const std::uint32_t id = folded_.classes()[channel_class].channel;
    const Channel& channel = prepared_.channels.channels[id];
    const NetworkProfile& network = plans_.slowest_network(channel_class, transfer);
    const TransferKey& what = prepared_.ops.transfers()[transfer];
    if (channel.is_group())
      message_level_->start(network, prepared_.channels.geometry[id], what.kind, what.size,
                            std::move(done));
    else
      message_level_->start_message(network, channel.from, channel.to, what.size, std::move(done));
  }

  void share_processors() {
    processors_.emplace(prepared_.options.processor, capacities_.size(), solver_);
    const std::vector<double> more = processors_->capacities();
    capacities_.insert(capacities_.end(), more.begin(), more.end());
  }

  void find_overlaps() {
    for (std::uint32_t id = 0; id < prepared_.job.programs.size(); ++id) {
      const PortSet ports = rates_[costs_.model_of(id)].slowing_ports();
      const bool shares = shares_processor(id);
      if (shares && ports != kNoPorts)
        throw Error(ErrorKind::kUnsupported,
                    "ranks that share a core or a GPU are simulated only where transfers slow no "
                    "kernel down; the stack's collective_sms and p2p_sms must be 0");
      overlaps_.push_back(shares ? mark_all_kernels(program(id))
                                 : find_overlap(program(id), ports));
      if (ports != kNoPorts) meetings_.require_order();
    }
  }

  bool shares_processor(std::uint32_t id) const {
    if (prepared_.options.processor.empty()) return false;
    for (Rank rank = 0; rank < prepared_.job.ranks.size(); ++rank)
      if (prepared_.job.ranks[rank].program == id && processors_->is_shared(rank)) return true;
    return false;
  }

  KernelClock kernel_clock(std::uint32_t rank_class) {
    const auto go_on = [this, rank_class] {
      wake(rank_class);
      advance_ready();
    };
    KernelClock clock{
        .rates = rates_[costs_.model_of(program_of(rank_class))],
        .ports = overlaps_[program_of(rank_class)].ports,
        .network = solver_,
        .call_at = [this, go_on](double date) { solver_.at(date, go_on); },
    };
    const Rank rank = ranks().representative[rank_class];
    if (processors_->is_shared(rank))
      clock.run_shared = [this, rank, go_on](double begin, double work,
                                             FlowSolver::Callback ended) {
        processors_->run(rank, begin, work, [go_on, ended = std::move(ended)] {
          ended();
          go_on();
        });
      };
    return clock;
  }

  void compile_ranks(const CompileOptions& options) {
    const std::uint32_t count = ranks().count();
    walks_.reserve(count);
    is_ready_.assign(count, true);
    for (std::uint32_t id = 0; id < count; ++id) {
      const std::uint32_t of = program_of(id);
      scripted_.push_back(&script_for(of, timing_of(id), options));
      walks_.emplace_back(id, program(of), prepared_.programs[of], scripted_.back()->script,
                          folded_, meetings_, kernel_clock(id), start_of(id));
    }
  }

  double start_of(std::uint32_t rank_class) const {
    const std::vector<Seconds>& start = prepared_.options.start;
    return start.empty() ? 0 : start[ranks().representative[rank_class]].value();
  }

  /// What rank classes with the same program and timing have in common.
  struct Scripted {
    std::uint32_t program = 0;
    RankTiming timing;
    Script script;
  };

  const Scripted& script_for(std::uint32_t id, RankTiming timing, const CompileOptions& options) {
    for (const Scripted& entry : scripts_)
      if (entry.program == id && entry.timing == timing) return entry;
    Script script =
        compile(program(id), prepared_.programs[id], costs_of(id), timing, overlaps_[id], options);
    return scripts_.emplace_back(
        Scripted{.program = id, .timing = std::move(timing), .script = std::move(script)});
  }

  RankTiming timing_of(std::uint32_t rank_class) {
    RankTiming timing;
    const std::vector<double>& slowdown = prepared_.options.slowdown;
    if (!slowdown.empty()) timing.slowdown = slowdown[ranks().representative[rank_class]];
    for (int i = 0; i < kNumPorts; ++i) {
      const Port port = static_cast<Port>(i);
      const std::uint32_t channel = folded_.at(rank_class, port);
      if (channel == kNone || !folded_.classes()[channel].is_local()) continue;
      if (contains(overlaps_[program_of(rank_class)].ports, port)) continue;  // kernels look at it
      timing.local_times[i].assign(prepared_.ops.transfers().size(), kNever);
      for (std::uint32_t transfer : prepared_.ops.transfers_of(program_of(rank_class), port))
        timing.local_times[i][transfer] = plans_.at(channel, transfer).uncontended;
    }
    return timing;
  }

  void wake(const ChannelClass& channel) {
    for (const auto& participant : channel.participants) wake(participant.rank_class);
    if (!advancing_) advance_ready();
  }

  void wake(std::uint32_t rank_class) {
    if (is_ready_[rank_class]) return;
    is_ready_[rank_class] = true;
    ready_.push_back(rank_class);
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
                   program(program_of(id)).name + "): " + where;
    STEPCAST_CHECK(count == 0, "deadlock: these ops wait for each other for ever" + stuck);
  }

  Simulation report() {
    Simulation result;
    result.grade = Grade::kMeasured;
    for (const OpCosts& costs : op_costs_) result.grade = worst(result.grade, costs.grade);
    result.flows = solver_.num_flows();
    result.events = steps_;
    result.class_of_rank = ranks().of;
    double end = 0;
    for (const RankWalk& walk : walks_) end = std::max(end, walk.end());
    result.step_time = Seconds(end);
    for (std::uint32_t id = 0; id < walks_.size(); ++id) result.ranks.push_back(rank_report(id));
    if (with_account_)
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
    const std::uint32_t of = program_of(id);
    RankAccount account = attribute({.rank_class = id,
                                     .program = program(of),
                                     .index = prepared_.programs[of],
                                     .costs = costs_of(of),
                                     .timing = scripted_[id]->timing,
                                     .channels = folded_,
                                     .meetings = meetings_,
                                     .start = start_of(id),
                                     .overlap = overlaps_[of],
                                     .kernel_ends = walks_[id].kernel_ends()},
                                    result.step_time.value(), prepared_.options.spans);
    RankReport& rank = result.ranks[id];
    rank.time = account.time;
    rank.compute_by_kind = std::move(account.compute_by_kind);
    rank.work = account.work;
    rank.unmeasured_sigma = account.unmeasured_sigma;
    for (Span& span : account.spans) {
      span.rank = rank.representative;
      result.trace.spans.push_back(span);
    }
  }

  const PreparedJob& prepared_;
  const FoldedChannels& folded_;
  bool with_account_;
  FlowSolver& solver_;
  const JobCosts& costs_;
  std::vector<OpCosts> op_costs_;  // by model, as is the next
  std::vector<KernelRates> rates_;
  std::vector<Overlap> overlaps_;  // by program
  ChannelPlans plans_;
  Meetings meetings_;
  std::vector<double> capacities_;             // of the solver's links
  std::optional<MessageLevel> message_level_;  // Fidelity::kMessage
  std::optional<Processors> processors_;
  std::deque<Scripted> scripts_;
  std::vector<const Scripted*> scripted_;  // by rank class, as are the next two
  std::vector<RankWalk> walks_;
  std::vector<bool> is_ready_;
  std::vector<std::uint32_t> ready_;
  bool advancing_ = false;
  std::uint64_t steps_ = 0;
};

}  // namespace

Simulation run_job(const PreparedJob& job, const JobCosts& costs, const EngineChoices& choices) {
  return JobRun(job, costs, choices).run();
}

Simulation run_job(const Job& job, const Fabric& fabric, const JobCosts& costs,
                   const SimulateOptions& options, const EngineChoices& choices) {
  return run_job(PreparedJob(job, fabric, options, choices.closed_forms), costs, choices);
}

}  // namespace stepcast
