// Executes the programs of one pipeline without any clock: only who waits for whom. Part of
// verify(Job), which asks whether it comes to an end.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sim/program/instances.h"
#include "sim/program/job.h"
#include "sim/program/lane.h"
#include "sim/program/stream_order.h"

namespace stepcast {

/// The ranks of one pipeline (each the next of the one before), stepped through their programs:
///  - the CPU issues ops in order, ahead of the streams, until a host wait stops it;
///  - a stream runs its ops in order, each when the events it waits for are reached;
///  - a message or a collective ends when all its ranks have come to it (rendezvous: nothing is
///  buffered).
/// Ranks outside the pipeline are taken to be where their counterparts inside are, so tensor- and
/// data-parallel collectives never hold it up; their order is verify_sequences' matter.
/// Ops that neither signal, wait nor meet cannot stop anything and are left out.
class Rendezvous {
 public:
  /// The job's places and sequences must be sound.
  Rendezvous(const Job& job, const std::vector<Rank>& pipeline);

  /// Runs until nothing moves. Issues one call per rank and round, which keeps queues short.
  void run();
  bool finished() const;
  /// Who waits for whom, starting from the first rank that is stuck, until it closes in a circle.
  std::string describe_stuck() const;

 private:
  using Channel = std::uint32_t;
  struct Meeting {
    Channel channel = kNone;   ///< kNone: meets nobody
    std::uint32_t number = 0;  ///< on the channel
    auto operator<=>(const Meeting&) const = default;
  };
  /// An op that was issued and has not ended.
  struct Issued {
    std::uint32_t call = 0;
    std::uint32_t op = 0;
    StreamClock after;  ///< positions of own streams that must have ended
    Meeting meeting;
    bool arrived = false;
  };
  struct Mark {
    Stream stream{};
    std::uint32_t position = 0;
  };
  struct Member {
    Rank rank = 0;
    const Program* program = nullptr;
    std::vector<std::vector<std::uint32_t>> ops;  ///< by block: those that can stop something
    std::vector<Mark> events;                     ///< by instance: the op that signals it
    std::array<std::deque<Issued>, kNumStreams> streams;
    StreamClock issued, ended;
    std::array<std::uint32_t, kNumLanes> met{};  ///< ops issued by lane
    std::array<Channel, kNumLanes> channels{};
    std::uint32_t call = 0;  ///< the CPU's place
    std::size_t at = 0;
  };
  struct Arrival {
    std::size_t member = 0;
    Stream stream{};
  };
  /// A stream of a member, as a station on the way from one who waits to what it waits for.
  using Station = Arrival;

  Member make_member(Rank rank) const;
  void open_channels();
  bool issue_call(std::size_t member);
  /// False: a host wait that is not over.
  bool issue(Member& member, std::uint32_t op);
  void settle(std::size_t member);
  bool advance_head(std::size_t member, Stream stream);
  void arrive(std::size_t member, Stream stream, const Meeting& meeting);
  void end_head(std::size_t member, Stream stream);
  static bool ready(const Member& member, const Issued& op);

  Station first_stuck() const;
  Station blocker(const Station& at, std::string& why) const;
  Station missing_partner(const Issued& op, std::string& why) const;
  const Op& op_at(const Member& member, const Issued& issued) const;

  const Job& job_;
  std::vector<Member> members_;
  std::vector<InstanceIndex> event_index_;              ///< by member
  std::vector<std::vector<std::size_t>> participants_;  ///< by channel: members
  std::map<Meeting, std::vector<Arrival>> waiting_;
  std::vector<std::size_t> to_settle_;
};

}  // namespace stepcast
