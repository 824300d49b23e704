// Puts a deadlock into words: from one that waits to what it waits for, until the circle closes.
#include <algorithm>

#include "sim/base/error.h"
#include "sim/program/op_text.h"
#include "sim/program/rendezvous.h"

namespace stepcast {

const Op& Rendezvous::op_at(const Member& member, const Issued& issued) const {
  return member.program->blocks[member.program->calls[issued.call].block].ops[issued.op];
}

Rendezvous::Station Rendezvous::first_stuck() const {
  for (std::size_t m = 0; m < members_.size(); ++m)
    for (int s = 0; s < kNumStreams; ++s)
      if (!members_[m].streams[s].empty()) return {.member = m, .stream = static_cast<Stream>(s)};
  STEPCAST_CHECK(false, "no stream is stuck");
  return {};
}

/// Where the partner's part of a meeting stands that has not come.
Rendezvous::Station Rendezvous::missing_partner(const Issued& op, std::string& why) const {
  const std::vector<Arrival>& arrived = waiting_.at(op.meeting);
  for (const std::size_t m : participants_[op.meeting.channel]) {
    if (std::any_of(arrived.begin(), arrived.end(),
                    [&](const Arrival& arrival) { return arrival.member == m; }))
      continue;
    const Member& partner = members_[m];
    why = "waits for rank " + std::to_string(partner.rank);
    for (int s = 0; s < kNumStreams; ++s)
      for (const Issued& issued : partner.streams[s])
        if (issued.meeting == op.meeting) return {.member = m, .stream = static_cast<Stream>(s)};
    STEPCAST_CHECK(partner.call < partner.program->calls.size(), "sequences were not checked");
    const Call& call = partner.program->calls[partner.call];
    const std::uint32_t index = partner.ops[call.block][partner.at];
    const Stream awaited = partner.program->blocks[call.block].ops[index].stream;
    why += ", whose CPU waits in " + place_of(*partner.program, partner.call, index) +
           " for its stream " + std::string(name_of(awaited));
    return {.member = m, .stream = awaited};
  }
  STEPCAST_CHECK(false, "everybody came, and nothing happened");
  return {};
}

Rendezvous::Station Rendezvous::blocker(const Station& at, std::string& why) const {
  const Member& member = members_[at.member];
  const Issued& head = member.streams[static_cast<int>(at.stream)].front();
  for (int s = 0; s < kNumStreams; ++s)
    if (member.ended.ended[s] < head.after.ended[s]) {
      why = "waits for an event of its stream " + std::string(name_of(static_cast<Stream>(s)));
      return {.member = at.member, .stream = static_cast<Stream>(s)};
    }
  return missing_partner(head, why);
}

std::string Rendezvous::describe_stuck() const {
  std::vector<std::pair<std::size_t, Stream>> visited;
  std::string text = "deadlock";
  for (Station at = first_stuck();;) {
    const std::pair<std::size_t, Stream> here{at.member, at.stream};
    if (std::find(visited.begin(), visited.end(), here) != visited.end()) return text;
    visited.push_back(here);
    const Member& member = members_[at.member];
    const Issued& head = member.streams[static_cast<int>(at.stream)].front();
    std::string why;
    const Station next = blocker(at, why);
    text += (visited.size() == 1 ? ": rank " : "; rank ") + std::to_string(member.rank) + " in " +
            place_of(*member.program, head.call, head.op) + " " + why;
    at = next;
  }
}

}  // namespace stepcast
