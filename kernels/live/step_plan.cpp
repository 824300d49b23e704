#include "kernels/live/step_plan.h"

#include <algorithm>
#include <array>
#include <map>

namespace stepcast {
namespace {

/// How far each stream has come: ops of it that are known to have ended. 0: none.
using Clock = std::array<std::uint32_t, kNumStreams>;

void join(Clock& clock, const Clock& other) {
  for (std::size_t s = 0; s < clock.size(); ++s) clock[s] = std::max(clock[s], other[s]);
}

/// Calls visit(buffer) for every buffer that the op reads or writes; some come twice.
template <typename Visit>
struct Touched {
  Visit visit;
  void one(BufferId buffer) const {
    if (buffer != kNone) visit(buffer);
  }
  void operator()(const Compute& op) const {
    for (const Operand& operand : op.operands) one(operand.view.buffer);
  }
  void operator()(const Collective& op) const {
    for (const CollectivePart& part : op.parts) {
      one(part.from.buffer);
      one(part.to.buffer);
    }
  }
  void operator()(const Send& op) const { one(op.buffer); }
  void operator()(const Recv& op) const { one(op.buffer); }
  void operator()(const auto&) const {}
};
template <typename Visit>
Touched(Visit) -> Touched<Visit>;  // clang before 17 does not deduce it

/// Who was last at work on memory that has been given back.
class LastUses {
 public:
  void give_back(std::int64_t offset, std::int64_t size, const Clock& uses) {
    if (size > 0) ranges_[offset] = {size, uses};
  }
  /// Of all that lies in the range, which is no longer given back then.
  Clock take(std::int64_t offset, std::int64_t size) {
    Clock uses{};
    const std::int64_t end = offset + size;
    auto at = ranges_.lower_bound(offset);
    if (at != ranges_.begin() && std::prev(at)->first + std::prev(at)->second.size > offset) --at;
    while (at != ranges_.end() && at->first < end) {
      const auto [first, range] = *at;
      at = ranges_.erase(at);
      join(uses, range.uses);
      if (first < offset) ranges_[first] = {offset - first, range.uses};
      if (first + range.size > end) at = ranges_.emplace(end, rest(first, range, end)).first;
    }
    return uses;
  }

 private:
  struct Range {
    std::int64_t size = 0;
    Clock uses{};
  };
  static Range rest(std::int64_t first, const Range& range, std::int64_t end) {
    return {first + range.size - end, range.uses};
  }
  std::map<std::int64_t, Range> ranges_;  ///< by offset
};

class Planner {
 public:
  explicit Planner(const Program& program) : program_(program) {
    for (const Event& event : program.events) {
      plan_.event_marks.push_back(marks_);
      marks_ += event.scope == Scope::kStep ? 1 : program.num_microbatches;
    }
    events_.resize(marks_);
    for (const Buffer& buffer : program.buffers) {
      const std::uint32_t count = instances(program, buffer);
      buffers_.emplace_back(count);
      plan_.residents.emplace_back();
      for (std::uint32_t i = 0; buffer.resident && i < count; ++i)
        plan_.residents.back().push_back(placement_.take(buffer.size));
    }
  }

  StepPlan plan() {
    for (const Call& call : program_.calls)
      for (const Op& op : program_.blocks[call.block].ops) {
        issue(op, call.microbatch);
        ++flat_;
      }
    plan_.arena_size = placement_.reach();
    std::ranges::sort(plan_.set_after, {}, &OpMark::op);
    return std::move(plan_);
  }

 private:
  /// An instance of a buffer that is taken and given back.
  struct Instance {
    std::int64_t offset = -1;
    Clock before{};  ///< uses of what lay here before
    Clock uses{};
  };

  void issue(const Op& op, std::uint32_t microbatch) {
    const auto stream = static_cast<std::size_t>(op.stream);
    join(known_[stream], host_);
    for (const EventId event : op.waits_for)
      join(known_[stream], events_[plan_.mark_of(program_, event, microbatch)]);
    std::visit(Touched{[&](BufferId buffer) { wait_for_memory(stream, at(buffer, microbatch)); }},
               op.what);
    ops_[stream].push_back(flat_);
    known_[stream][stream] = static_cast<std::uint32_t>(ops_[stream].size());
    std::visit(Touched{[&](BufferId buffer) {
                 at(buffer, microbatch).uses[stream] = known_[stream][stream];
               }},
               op.what);
    if (const auto* alloc = std::get_if<Alloc>(&op.what)) take(alloc->buffer, microbatch);
    if (const auto* free = std::get_if<Free>(&op.what)) give_back(free->buffer, microbatch);
    if (std::holds_alternative<HostWait>(op.what)) join(host_, known_[stream]);
    if (op.signals != kNone)
      events_[plan_.mark_of(program_, op.signals, microbatch)] = known_[stream];
  }

  void wait_for_memory(std::size_t stream, const Instance& instance) {
    for (std::size_t other = 0; other < kNumStreams; ++other) {
      const std::uint32_t needed = instance.before[other];
      if (needed <= known_[stream][other]) continue;
      known_[stream][other] = needed;
      plan_.wait_before.push_back({flat_, mark_behind(ops_[other][needed - 1])});
    }
  }

  Mark mark_behind(std::uint32_t op) {
    const auto [place, is_new] = marked_.emplace(op, marks_);
    if (is_new) plan_.set_after.push_back({op, marks_++});
    return place->second;
  }

  void take(BufferId buffer, std::uint32_t microbatch) {
    const Bytes size = program_.buffers[buffer].size;
    const std::int64_t offset = placement_.take(size);
    plan_.offsets.push_back(offset);
    at(buffer, microbatch) = {.offset = offset,
                              .before = last_.take(offset, ArenaPlacement::rounded(size))};
  }

  void give_back(BufferId buffer, std::uint32_t microbatch) {
    const Bytes size = program_.buffers[buffer].size;
    Instance& instance = at(buffer, microbatch);
    placement_.give_back(instance.offset, size);
    // What was never waited for is still at work there.
    join(instance.uses, instance.before);
    last_.give_back(instance.offset, ArenaPlacement::rounded(size), instance.uses);
  }

  Instance& at(BufferId buffer, std::uint32_t microbatch) {
    return buffers_[buffer][program_.buffers[buffer].scope == Scope::kStep ? 0 : microbatch];
  }

  const Program& program_;
  StepPlan plan_;
  ArenaPlacement placement_;
  LastUses last_;
  Mark marks_ = 0;
  std::uint32_t flat_ = 0;
  Clock host_{};
  std::array<Clock, kNumStreams> known_{};                     ///< by stream
  std::array<std::vector<std::uint32_t>, kNumStreams> ops_{};  ///< by stream, in its order
  std::vector<Clock> events_;                                  ///< by mark
  std::vector<std::vector<Instance>> buffers_;
  std::map<std::uint32_t, Mark> marked_;  ///< by op
};

}  // namespace

StepPlan plan_step(const Program& program) { return Planner(program).plan(); }

}  // namespace stepcast
