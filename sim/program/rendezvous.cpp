#include "sim/program/rendezvous.h"

#include <algorithm>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// Tensor and data groups reach outside the pipeline; see the header.
bool can_hold_up(Lane lane) { return lane != Lane::kTensor && lane != Lane::kData; }

bool can_stop_something(const Op& op) {
  if (op.signals != kNone || !op.waits_for.empty()) return true;
  if (std::holds_alternative<HostWait>(op.what)) return true;
  const auto lane = lane_of(op);
  return lane && can_hold_up(*lane);
}

}  // namespace

Rendezvous::Rendezvous(const Job& job, const std::vector<Rank>& pipeline) : job_(job) {
  for (const Rank rank : pipeline) {
    const Program& program = job.programs[job.ranks[rank].program];
    event_index_.emplace_back(program.events, called_microbatches(program));
    members_.push_back(make_member(rank));
    members_.back().events.resize(event_index_.back().size());
  }
  open_channels();
}

Rendezvous::Member Rendezvous::make_member(Rank rank) const {
  Member member;
  member.rank = rank;
  member.program = &job_.programs[job_.ranks[rank].program];
  member.channels.fill(kNone);
  for (const Block& block : member.program->blocks) {
    std::vector<std::uint32_t> ops;
    for (std::uint32_t op = 0; op < block.ops.size(); ++op)
      if (can_stop_something(block.ops[op])) ops.push_back(op);
    member.ops.push_back(std::move(ops));
  }
  return member;
}

/// A channel for each pair of neighbours and direction, and for each group within the pipeline.
void Rendezvous::open_channels() {
  std::map<Rank, std::size_t> member_of;
  for (std::size_t m = 0; m < members_.size(); ++m) member_of[members_[m].rank] = m;
  const auto open = [&](std::vector<std::size_t> participants) {
    participants_.push_back(std::move(participants));
    return static_cast<Channel>(participants_.size() - 1);
  };
  const auto use = [&](std::size_t member, Lane lane, Channel channel) {
    members_[member].channels[static_cast<int>(lane)] = channel;
  };
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const Rank next = job_.ranks[members_[m].rank].next;
    if (next == kNone) continue;
    const std::size_t n = member_of.at(next);
    for (const Lane lane : {Lane::kSendNext, Lane::kRecvNext}) {
      const Channel channel = open({m, n});
      use(m, lane, channel);
      use(n, opposite(lane), channel);
    }
  }
  for (const GroupRole role : {GroupRole::kEmbedding, GroupRole::kModel}) {
    std::map<std::uint32_t, std::vector<std::size_t>> groups;
    for (std::size_t m = 0; m < members_.size(); ++m)
      groups[job_.ranks[members_[m].rank].group[static_cast<int>(role)]].push_back(m);
    groups.erase(kNone);
    for (const auto& [group, participants] : groups) {
      const Channel channel = open(participants);
      for (const std::size_t m : participants) use(m, lane_of(role), channel);
    }
  }
}

void Rendezvous::run() {
  bool moved = true;
  while (moved) {
    moved = false;
    for (std::size_t m = 0; m < members_.size(); ++m)
      if (issue_call(m)) moved = true;
  }
}

/// Issues up to the end of a call, or up to a host wait. True when the CPU got on.
bool Rendezvous::issue_call(std::size_t m) {
  Member& member = members_[m];
  const std::vector<Call>& calls = member.program->calls;
  if (member.call == calls.size()) return false;
  const std::vector<std::uint32_t>& ops = member.ops[calls[member.call].block];
  const std::size_t before = member.at;
  while (member.at < ops.size() && issue(member, ops[member.at])) ++member.at;
  const bool call_issued = member.at == ops.size();
  const bool moved = call_issued || member.at > before;
  if (call_issued) {
    ++member.call;
    member.at = 0;
  }
  settle(m);
  return moved;
}

bool Rendezvous::issue(Member& member, std::uint32_t index) {
  const Call& call = member.program->calls[member.call];
  const Op& op = member.program->blocks[call.block].ops[index];
  if (std::holds_alternative<HostWait>(op.what))
    return member.ended[op.stream] == member.issued[op.stream];

  const InstanceIndex& instance = event_index_[static_cast<std::size_t>(&member - members_.data())];
  Issued issued{.call = member.call, .op = index, .after = {}, .meeting = {}};
  for (const EventId event : op.waits_for) {
    const Mark& mark = member.events[instance(event, call.microbatch)];
    issued.after[mark.stream] = std::max(issued.after[mark.stream], mark.position);
  }
  if (const auto lane = lane_of(op); lane && can_hold_up(*lane)) {
    const auto l = static_cast<std::size_t>(*lane);
    issued.meeting = {.channel = member.channels[l], .number = member.met[l]++};
  }
  const std::uint32_t position = ++member.issued[op.stream];
  if (op.signals != kNone)
    member.events[instance(op.signals, call.microbatch)] = {.stream = op.stream,
                                                            .position = position};
  member.streams[static_cast<int>(op.stream)].push_back(issued);
  return true;
}

/// Lets everything run that can, from one member on.
void Rendezvous::settle(std::size_t first) {
  to_settle_.assign(1, first);
  while (!to_settle_.empty()) {
    const std::size_t m = to_settle_.back();
    to_settle_.pop_back();
    for (int s = 0; s < kNumStreams; ++s)
      while (advance_head(m, static_cast<Stream>(s))) continue;
  }
}

/// True when the head of the stream ended.
bool Rendezvous::advance_head(std::size_t m, Stream stream) {
  std::deque<Issued>& queue = members_[m].streams[static_cast<int>(stream)];
  if (queue.empty() || queue.front().arrived || !ready(members_[m], queue.front())) return false;
  if (queue.front().meeting.channel == kNone) {
    end_head(m, stream);
    return true;
  }
  queue.front().arrived = true;
  arrive(m, stream, queue.front().meeting);
  return queue.empty() || !queue.front().arrived;
}

void Rendezvous::arrive(std::size_t m, Stream stream, const Meeting& meeting) {
  std::vector<Arrival>& arrivals = waiting_[meeting];
  arrivals.push_back({.member = m, .stream = stream});
  if (arrivals.size() < participants_[meeting.channel].size()) return;
  const std::vector<Arrival> all = std::move(arrivals);
  waiting_.erase(meeting);
  for (const Arrival& arrival : all) end_head(arrival.member, arrival.stream);
}

void Rendezvous::end_head(std::size_t m, Stream stream) {
  members_[m].streams[static_cast<int>(stream)].pop_front();
  ++members_[m].ended[stream];
  if (to_settle_.empty() || to_settle_.back() != m) to_settle_.push_back(m);
}

bool Rendezvous::ready(const Member& member, const Issued& op) {
  for (int s = 0; s < kNumStreams; ++s)
    if (member.ended.ended[s] < op.after.ended[s]) return false;
  return true;
}

bool Rendezvous::finished() const {
  const auto done = [](const Member& member) {
    return member.call == member.program->calls.size() && member.ended.ended == member.issued.ended;
  };
  return std::all_of(members_.begin(), members_.end(), done);
}

}  // namespace stepcast
