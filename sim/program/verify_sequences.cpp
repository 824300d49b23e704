#include "sim/program/verify_sequences.h"

#include <set>
#include <string>
#include <tuple>

#include "sim/base/quantity_text.h"
#include "sim/program/lane.h"
#include "sim/program/op_text.h"

namespace stepcast {
namespace {

/// What both sides have to agree on.
struct Meeting {
  Bytes size;
  std::uint32_t tag = 0;  ///< of a message
  CollectiveKind kind{};  ///< of a collective
  Dtype dtype{};
  auto operator<=>(const Meeting&) const = default;
};

Meeting meeting_of(const Op& op) {
  if (const Send* send = std::get_if<Send>(&op.what)) return {.size = send->size, .tag = send->tag};
  if (const Recv* recv = std::get_if<Recv>(&op.what)) return {.size = recv->size, .tag = recv->tag};
  const Collective& collective = std::get<Collective>(op.what);
  return {.size = collective.size, .kind = collective.kind, .dtype = collective.dtype};
}

std::string text(const LaneCursor& cursor, Lane lane) {
  if (cursor.at_end()) return "nothing";
  const Meeting meeting = meeting_of(cursor.op());
  return cursor.place() + " of " + to_text(meeting.size) + " (" +
         std::to_string(meeting.size.value()) + " B) " +
         (is_message(lane) ? "with tag " + std::to_string(meeting.tag)
                           : std::string(name_of(meeting.dtype)));
}

class SequenceCheck {
 public:
  SequenceCheck(const Job& job, Findings& findings) : job_(job), findings_(findings) {}

  void run() {
    for (const Group& group : job_.groups)
      for (const Rank rank : group.ranks) compare(group.ranks.front(), rank, lane_of(group.role));
    for (Rank rank = 0; rank < job_.ranks.size(); ++rank) {
      const Rank next = job_.ranks[rank].next;
      if (next == kNone) continue;
      compare(rank, next, Lane::kSendNext);
      compare(rank, next, Lane::kRecvNext);
    }
  }

 private:
  /// `lane` of rank a against the opposite lane of rank b.
  void compare(Rank a, Rank b, Lane lane) {
    const std::uint32_t program_a = job_.ranks[a].program, program_b = job_.ranks[b].program;
    if (program_a == program_b && !is_message(lane)) return;
    if (!compared_.insert({lane, program_a, program_b}).second) return;
    LaneCursor mine(job_.programs[program_a], lane);
    LaneCursor theirs(job_.programs[program_b], opposite(lane));
    for (std::size_t count = 0; !mine.at_end() || !theirs.at_end(); ++count) {
      const bool meet =
          !mine.at_end() && !theirs.at_end() && meeting_of(mine.op()) == meeting_of(theirs.op());
      if (!meet) return add(a, b, count, text(mine, lane), text(theirs, lane));
      mine.advance();
      theirs.advance();
    }
  }

  /// Only the first difference of two programs is told: the ones after it follow from it.
  void add(Rank a, Rank b, std::size_t count, const std::string& mine, const std::string& theirs) {
    findings_.add([&] {
      return "ranks " + std::to_string(a) + " and " + std::to_string(b) + " do not meet: number " +
             std::to_string(count) + " is " + mine + " on the one, " + theirs + " on the other";
    });
  }

  const Job& job_;
  Findings& findings_;
  std::set<std::tuple<Lane, std::uint32_t, std::uint32_t>> compared_;
};

}  // namespace

void check_sequences(const Job& job, Findings& findings) { SequenceCheck(job, findings).run(); }

}  // namespace stepcast
