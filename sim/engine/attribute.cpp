#include "sim/engine/attribute.h"

#include <algorithm>
#include <array>

namespace stepcast {
namespace {

enum class Cause : std::uint8_t { kHost, kTensor, kData, kEmbedding, kPipeline };

Cause cause_of(Port port) {
  switch (port) {
    case Port::kTensor:
      return Cause::kTensor;
    case Port::kData:
    case Port::kModel:  // the gradient norm: part of synchronising the gradients
      return Cause::kData;
    case Port::kEmbedding:
      return Cause::kEmbedding;
    case Port::kSendNext:
    case Port::kRecvPrevious:
    case Port::kSendPrevious:
    case Port::kRecvNext:
      return Cause::kPipeline;
  }
  return Cause::kHost;
}

/// An op that others may wait for.
struct Activity {
  Cause cause = Cause::kHost;
  double begin = 0;   ///< ready, and waiting for its partners if it has any
  double moving = 0;  ///< all partners are there
  double end = 0;
  bool began_at_issue = false;   ///< nothing but the CPU held it back
  Cause held_by = Cause::kHost;  ///< else: what ended when it began
};

class Accountant {
 public:
  Accountant(const WalkedRank& rank, bool with_spans)
      : rank_(rank), with_spans_(with_spans), cpu_(rank.start), slots_(rank.index.num_slots()) {
    by_kind_.resize(kernel_table().size());
  }

  RankAccount run(double step_time) {
    const auto& calls = rank_.program.calls;
    for (call_ = 0; call_ < calls.size(); ++call_) {
      const auto& ops = rank_.program.blocks[calls[call_].block].ops;
      for (position_ = 0; position_ < ops.size(); ++position_) visit(ops[position_]);
    }
    drain();
    time_.tail = Seconds(step_time - free(Stream::kCompute));
    std::stable_sort(spans_.begin(), spans_.end(),
                     [](const Span& a, const Span& b) { return a.begin < b.begin; });
    return {.time = time_,
            .compute_by_kind = std::move(by_kind_),
            .work = work_,
            .unmeasured_sigma = unmeasured_sigma_,
            .spans = std::move(spans_)};
  }

 private:
  Activity& last(Stream stream) { return last_[static_cast<int>(stream)]; }
  double& free(Stream stream) { return last(stream).end; }
  BlockId block() const { return rank_.program.calls[call_].block; }

  void visit(const Op& op) {
    const OpCost& cost = rank_.costs.at(block(), position_);
    cpu_ += cost.issue;
    if (rank_.index.block(block()).ops[position_].orders_streams) perform(op, cost);
    if (std::holds_alternative<HostWait>(op.what)) wait_on_host(op.stream);
  }

  void wait_on_host(Stream stream) {
    const Activity& awaited = last(stream);
    if (awaited.end <= cpu_) return;
    host_waits_.push_back({cpu_, awaited});
    cpu_ = awaited.end;
  }

  void perform(const Op& op, const OpCost& cost) {
    const BlockIndex::OpIndex& index = rank_.index.block(block()).ops[position_];
    Activity activity;
    activity.begin = std::max(free(op.stream), cpu_);
    const Activity* released_by = nullptr;
    for (std::uint32_t i = 0; i < op.waits_for.size(); ++i) {
      const std::uint32_t slot = rank_.index.awaited_slot(call_, index.first_wait + i);
      if (slot == kNone || slots_[slot].end <= activity.begin) continue;
      activity.begin = slots_[slot].end;
      released_by = &slots_[slot];
    }
    activity.began_at_issue = !released_by && activity.begin > free(op.stream);
    activity.held_by = released_by ? released_by->cause : last(op.stream).cause;
    if (op.stream == Stream::kCompute)
      charge_idle(free(Stream::kCompute), activity.begin, released_by);
    if (takes_time(op.what))
      finish(cost, index, activity);
    else
      pass_on(released_by, op.stream, activity);
    if (op.stream == Stream::kCompute) {
      charge_op(op, cost, activity);
      host_waits_.clear();
    }
    if (index.signal != kNone) slots_[rank_.index.signal_slot(call_, index.signal)] = activity;
    last(op.stream) = activity;
    if (with_spans_ && takes_time(op.what))
      spans_.push_back({.rank = 0,
                        .call = call_,
                        .op = position_,
                        .begin = Seconds(activity.begin),
                        .end = Seconds(activity.end)});
  }

  /// An op that takes no time is nobody's cause: whoever waits for it waits for what held it up.
  void pass_on(const Activity* released_by, Stream stream, Activity& activity) {
    const double begin = activity.begin;
    if (!activity.began_at_issue) activity = released_by ? *released_by : last(stream);
    activity.end = begin;
  }

  /// Fills in what follows from the begin.
  void finish(const OpCost& cost, const BlockIndex::OpIndex& index, Activity& activity) {
    activity.moving = activity.begin;
    const Port port = index.port;
    if (port == kNoPort) {
      activity.end = rank_.overlap.may_slow(block(), position_)
                         ? rank_.kernel_ends[paced_kernels_++]
                         : activity.begin + cost.duration * rank_.timing.slowdown;
      return;
    }
    activity.cause = cause_of(port);
    if (rank_.timing.is_local(port)) {
      activity.end = activity.begin + rank_.timing.local_time(port, cost.transfer);
      return;
    }
    const Meeting& meeting = rank_.meetings.meeting(
        rank_.meetings.id_of(rank_.channels.at(rank_.rank_class, port),
                             rank_.index.ordinal(call_, port, index.ordinal)));
    activity.moving = meeting.start;
    activity.end = meeting.end;
  }

  void charge_op(const Op& op, const OpCost& cost, const Activity& activity) {
    if (const auto* compute = std::get_if<Compute>(&op.what)) {
      const Seconds duration(activity.end - activity.begin);
      time_.compute += duration;
      work_ += Seconds(cost.duration * rank_.timing.slowdown);
      by_kind_[static_cast<std::size_t>(compute->kernel.kind)] += duration;
      unmeasured_sigma_ += duration * cost.unmeasured_sigma;
    } else if (takes_time(op.what)) {
      charge(activity.begin, activity.end, activity);
    }
  }

  /// The compute stream was idle from `from` to `to`, when `released_by` ended (null: the CPU
  /// issued).
  void charge_idle(double from, double to, const Activity* released_by) {
    if (to <= from) return;
    if (!released_by) return charge_host(from, to);
    const double began = std::clamp(released_by->begin, from, to);
    if (released_by->began_at_issue)
      charge_host(from, began);
    else
      charge(from, began, {.cause = released_by->held_by, .moving = began});
    charge(began, to, *released_by);
  }

  /// The CPU was late, perhaps because it had to wait itself.
  void charge_host(double from, double to) {
    for (const CpuWait& wait : host_waits_) {
      const double begin = std::clamp(wait.from, from, to);
      const double end = std::clamp(wait.awaited.end, begin, to);
      time_.wait_host += Seconds(begin - from);
      charge(begin, end, wait.awaited);
      from = end;
    }
    time_.wait_host += Seconds(to - from);
  }

  void charge(double from, double to, const Activity& activity) {
    const Seconds time(to - from);
    switch (activity.cause) {
      case Cause::kHost:
        time_.wait_host += time;
        break;
      case Cause::kTensor:
        time_.wait_tensor += time;
        break;
      case Cause::kData:
        time_.wait_data += time;
        break;
      case Cause::kEmbedding:
        time_.wait_embedding += time;
        break;
      case Cause::kPipeline: {
        const Seconds moving(to - std::clamp(activity.moving, from, to));
        time_.transfer_pipeline += moving;
        time_.wait_pipeline += time;
        break;
      }
    }
  }

  /// After the last kernel the rank's other streams and its CPU come to an end, one after the
  /// other.
  void drain() {
    std::vector<const Activity*> ends;
    for (const Activity& activity : last_) ends.push_back(&activity);
    std::stable_sort(ends.begin(), ends.end(),
                     [](const Activity* a, const Activity* b) { return a->end < b->end; });
    double from = free(Stream::kCompute);
    for (const Activity* activity : ends) {
      charge_idle(from, activity->end, activity);
      from = std::max(from, activity->end);
    }
    charge_idle(from, cpu_, nullptr);
    free(Stream::kCompute) = std::max(from, cpu_);
  }

  struct CpuWait {
    double from = 0;
    Activity awaited;
  };

  const WalkedRank& rank_;
  bool with_spans_;
  std::uint32_t call_ = 0, position_ = 0;
  std::size_t paced_kernels_ = 0;
  double cpu_;
  std::array<Activity, kNumStreams> last_;  // by stream
  std::vector<Activity> slots_;
  std::vector<CpuWait> host_waits_;  // since the last op of the compute stream
  TimeByCause time_;
  std::vector<Seconds> by_kind_;
  Seconds work_, unmeasured_sigma_;
  std::vector<Span> spans_;
};

}  // namespace

RankAccount attribute(const WalkedRank& rank, double step_time, bool with_spans) {
  return Accountant(rank, with_spans).run(step_time);
}

}  // namespace stepcast
