#include "kernels/live/live_run.h"

#include <algorithm>
#include <cmath>

#include "kernels/live/core_clock.h"
#include "kernels/live/core_share.h"
#include "kernels/live/process_facts.h"
#include "kernels/live/process_group.h"
#include "kernels/live/program_bench.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

/// The life of one rank.
class RankRun {
 public:
  RankRun(RankContext& context, const Job& job, const LiveOptions& options)
      : context_(context),
        job_(job),
        options_(options),
        program_(job.programs[job.ranks[static_cast<std::size_t>(context.rank())].program]),
        rank_(connect(job, context, *options.platform)),
        share_(options.platform->share(context, *rank_.world)),
        recorder_(program_, context, *rank_.device),
        executor_(program_, rank_,
                  {.adam = options.adam, .seed = options.seed, .observer = &recorder_}) {}

  void run() {
    const BeginRecord start{
        .sharing = share_.ranks, .processor = share_.first, .lost_known = lost_.known()};
    keep_record(context_, RecordKind::kBegin, std::as_bytes(std::span(&start, 1)));
    try {
      for (std::int64_t i = 0; i < options_.steps; ++i) {
        // Stamps take time of a device that would run on, so only the step that is shown has them.
        recorder_.record_times(!rank_.device->asynchronous() || i + 1 == options_.steps);
        step(-1, i >= kWarmUpSteps);
      }
      if (options_.rounds > 0) compare();
    } catch (...) {
      keep_ops();
      throw;
    }
    keep_ops();
    const EndRecord end{.peak_memory_bytes = executor_.peak().value()};
    keep_record(context_, RecordKind::kEnd, std::as_bytes(std::span(&end, 1)));
  }

 private:
  void step(std::int64_t round, bool timed) {
    barrier(*rank_.world);
    const double lost = lost_.seconds(), waited = waited_seconds();
    show_step(context_.rank(), executor_.steps() + 1);
    recorder_.begin_step(executor_.steps() + 1);
    const double begin = wall_seconds();
    executor_.run_step(*options_.batches);
    const double wall = wall_seconds() - begin;
    const StepRecord record{.step = executor_.steps(),
                            .round = round,
                            .timed = timed,
                            .loss = executor_.loss(),
                            .begin = begin,
                            .wall = wall,
                            .lost = lost_.seconds() - lost,
                            .waited = waited_seconds() - waited,
                            .outside = std::max(0.0, wall - seconds_in_ops())};
    keep_record(context_, RecordKind::kStep, std::as_bytes(std::span(&record, 1)));
    if (round >= 0 && timed) keep_op_times(begin);
    if (!std::isfinite(record.loss))
      throw Error(ErrorKind::kLiveRank, "the loss of step " + std::to_string(record.step) +
                                            " is no number any more; try a lower learning rate");
  }

  /// Of the last step; when it did not end, the op at hand lasts until now.
  void keep_ops() {
    std::vector<TimedOp> ops = recorder_.ops();
    if (!ops.empty() && ops.back().end == 0) ops.back().end = wall_seconds();
    keep_record(context_, RecordKind::kOps, std::as_bytes(std::span(ops)));
  }

  double seconds_in_ops() const {
    double sum = 0;
    for (const TimedOp& op : recorder_.ops()) sum += op.end - op.begin;
    return sum;
  }

  void keep_op_times(double step_begin) {
    std::vector<OpTime> times;
    for (const TimedOp& op : recorder_.ops())
      times.push_back({.begin = op.begin - step_begin, .end = op.end - step_begin});
    keep_record(context_, RecordKind::kOpTimes, std::as_bytes(std::span(times)));
  }

  double waited_seconds() const {
    double sum = rank_.world->waited_seconds();
    for (const auto& group : rank_.groups)
      if (group) sum += group->waited_seconds();
    return sum;
  }

  void compare() {
    recorder_.record_memory(true);
    step(-1, false);
    recorder_.record_memory(false);
    ProgramBench bench(job_, context_.rank(), rank_, share_, recorder_, options_.adam);
    for (std::int64_t round = 0; round < options_.rounds; ++round) {
      context_.begin_operation("timing kernels and collectives by themselves");
      const std::vector<std::vector<std::byte>> kept = kept_buffers();
      const std::vector<double> times = bench.run_round();
      keep_record(context_, RecordKind::kRound, std::as_bytes(std::span(times)));
      restore(kept);
      for (std::int64_t i = 0; i < options_.steps_per_round; ++i) step(round, i > 0);
    }
  }

  /// What steps hand on: weights and the optimizer's state. Kernels that are timed change them.
  std::vector<std::vector<std::byte>> kept_buffers() const {
    std::vector<std::vector<std::byte>> copies;
    for (BufferId id = 0; id < program_.buffers.size(); ++id)
      if (is_kept(id)) copies.push_back(executor_.read(id));
    return copies;
  }
  void restore(const std::vector<std::vector<std::byte>>& copies) {
    auto copy = copies.begin();
    for (BufferId id = 0; id < program_.buffers.size(); ++id)
      if (is_kept(id)) executor_.write(id, *copy++);
  }
  bool is_kept(BufferId id) const {
    return program_.buffers[id].resident && program_.buffers[id].at_start == AtStart::kKept;
  }

  RankContext& context_;
  const Job& job_;
  const LiveOptions& options_;
  const Program& program_;
  LiveRank rank_;
  CoreShare share_;
  StepRecorder recorder_;
  Executor executor_;
  LostTime lost_;
};

/// A neighbour may be a whole batch of messages behind.
std::size_t room_for_messages(const Job& job) {
  std::size_t most = 0;
  for (const Program& program : job.programs) {
    std::size_t sum = 0;
    for (const Call& call : program.calls)
      for (const Op& op : program.blocks[call.block].ops)
        if (const auto* send = std::get_if<Send>(&op.what))
          sum += static_cast<std::size_t>(send->size.value()) + 4096;
    most = std::max(most, sum);
  }
  return (std::size_t{1} << 20) + (2 * most + 4095) / 4096 * 4096;
}

void check_local(const Job& job) {
  if (job.ranks.size() > kMostRanks)
    throw Error(ErrorKind::kUnsupported, std::to_string(job.ranks.size()) +
                                             " ranks are too many for one machine: live runs " +
                                             "have at most " + std::to_string(kMostRanks));
}

/// One more shows a comparison where memory lies.
std::size_t steps_of(const LiveOptions& options) {
  const std::int64_t compared =
      options.rounds > 0 ? 1 + options.rounds * options.steps_per_round : 0;
  return static_cast<std::size_t>(options.steps + compared);
}

}  // namespace

std::size_t room_to_keep(const Job& job, const LiveOptions& options) {
  std::size_t ops = 0;
  for (const Program& program : job.programs) {
    std::size_t sum = 0;
    for (const Call& call : program.calls) sum += program.blocks[call.block].ops.size();
    ops = std::max(ops, sum);
  }
  const auto rounds = static_cast<std::size_t>(options.rounds);
  const std::size_t bytes =
      steps_of(options) * 128 + ops * sizeof(TimedOp) +
      rounds * (static_cast<std::size_t>(options.steps_per_round) + 2) * (ops * 16 + 64);
  return (std::size_t{1} << 20) + (bytes + 63) / 64 * 64;
}

void check_live(const Job& job, const LiveOptions& options) {
  for (const Program& program : job.programs)
    check_runnable(program, options.platform->launchers());
}

void run_live_rank(RankContext& context, const Job& job, const LiveOptions& options) {
  RankRun(context, job, options).run();
}

std::vector<double> LiveOutcome::losses(const Job& job) const {
  std::size_t steps = ranks.empty() ? 0 : ranks.front().steps.size();
  for (const RankRecords& rank : ranks) steps = std::min(steps, rank.steps.size());
  std::vector<double> sums(steps);
  // Tensor-parallel ranks of the last stage all know the loss.
  for (std::size_t r = 0; r < ranks.size(); ++r)
    if (job.ranks[r].tp_index == 0)
      for (std::size_t s = 0; s < steps; ++s) sums[s] += ranks[r].steps[s].loss;
  return sums;
}

LiveOutcome run_live(const Job& job, const LiveOptions& options) {
  check_local(job);
  check_live(job, options);
  StepCount done;
  const ProcessGroup* watched = nullptr;
  const auto meanwhile = [&] {
    if (options.progress) options.progress(done.of(watched->kept(0)), steps_of(options));
  };
  ProcessGroup group({.sizes = {.ranks = static_cast<int>(job.ranks.size()),
                                .mailbox_bytes = room_for_messages(job),
                                .kept_bytes = room_to_keep(job, options)},
                      .stand_still_s = options.stand_still_s,
                      .meanwhile = meanwhile,
                      .pinned = options.platform->on_cores()});
  watched = &group;
  LiveOutcome outcome;
  outcome.failure = run_ranks(group, job, options);
  for (std::size_t r = 0; r < job.ranks.size(); ++r)
    outcome.ranks.push_back(read_records(group.kept(static_cast<int>(r))));
  return outcome;
}

}  // namespace stepcast
