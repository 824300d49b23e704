#include "sim/engine/meetings.h"

#include <algorithm>
#include <utility>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// The clock's resolution, relative: dates closer than this are the same.
constexpr double kClockTolerance = 1e-9;

}  // namespace

bool has_passed(double date, double now) { return date < now - kClockTolerance * (1 + now); }

Meetings::Meetings(const FoldedChannels& channels, ChannelPlans& plans, FlowSolver& solver,
                   Listener listener)
    : channels_(channels),
      plans_(plans),
      solver_(solver),
      listener_(std::move(listener)),
      meetings_(channels.num_uses()) {
  carrier_ = [this](std::uint32_t channel_class, std::uint32_t transfer, double start,
                    FlowSolver::Callback done) {
    carry_as_flow(channel_class, transfer, start, std::move(done));
  };
}

void Meetings::carry_as_flow(std::uint32_t channel_class, std::uint32_t transfer, double start,
                             FlowSolver::Callback done) {
  const ClassPlan& plan = plans_.at(channel_class, transfer);
  solver_.at(start + plan.latency, [this, &plan, done = std::move(done)]() mutable {
    solver_.start(plan.path, plan.bytes, plan.rate_bound, std::move(done));
  });
}

Meetings::MeetingId Meetings::post(std::uint32_t channel_class, std::uint32_t ordinal,
                                   std::uint32_t transfer, double time) {
  const ChannelClass& channel = channels_.classes()[channel_class];
  STEPCAST_CHECK(ordinal < channel.uses, "a channel has fewer transfers than a participant posts");
  const MeetingId id = channel.first_use + ordinal;
  Meeting& meeting = meetings_[id];
  if (meeting.missing == kNone)
    meeting.missing = static_cast<std::uint32_t>(channel.participants.size());
  STEPCAST_CHECK(meeting.missing > 0, "a transfer is posted twice by one participant");
  meeting.start = std::max(meeting.start, time);
  if (--meeting.missing == 0) begin(channel_class, transfer, id);
  return id;
}

void Meetings::begin(std::uint32_t channel_class, std::uint32_t transfer, MeetingId id) {
  const double start = meetings_[id].start;
  const ClassPlan& plan = plans_.at(channel_class, transfer);
  const bool is_flow = !channels_.classes()[channel_class].closed_form && !plan.path.empty();
  if (has_passed(start, solver_.now()) && (is_flow || in_order_)) throw PostedTooLate{};
  if (!is_flow) return finish(channel_class, id, start + plan.uncontended);
  carrier_(channel_class, transfer, start,
           [this, channel_class, id] { finish(channel_class, id, solver_.now()); });
}

void Meetings::finish(std::uint32_t channel_class, MeetingId id, double end) {
  meetings_[id].end = end;
  listener_(channels_.classes()[channel_class], id);
}

}  // namespace stepcast
