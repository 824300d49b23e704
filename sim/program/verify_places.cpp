#include "sim/program/verify_places.h"

#include <string>

#include "sim/program/lane.h"
#include "sim/program/op_text.h"

namespace stepcast {
namespace {

class PlaceCheck {
 public:
  PlaceCheck(const Job& job, Findings& findings) : job_(job), findings_(findings) {}

  void run() {
    for (Rank rank = 0; rank < job_.ranks.size(); ++rank) check_rank(rank);
    for (std::uint32_t group = 0; group < job_.groups.size(); ++group) check_group(group);
    if (!findings_.empty()) return;  // what programs need is asked of sound places only
    check_needs();
  }

 private:
  void add(Rank rank, const std::string& message) {
    findings_.add([&] { return "rank " + std::to_string(rank) + " " + message; });
  }

  void check_rank(Rank rank) {
    const RankPlace& place = job_.ranks[rank];
    if (place.program >= job_.programs.size())
      add(rank, "runs program " + std::to_string(place.program) + ", which does not exist");
    for (int role = 0; role < kNumGroupRoles; ++role)
      check_membership(rank, static_cast<GroupRole>(role), place.group[role]);
    check_neighbour(rank, Peer::kNext, place.next, &RankPlace::previous);
    check_neighbour(rank, Peer::kPrevious, place.previous, &RankPlace::next);
  }

  void check_membership(Rank rank, GroupRole role, std::uint32_t group) {
    if (group == kNone) return;
    if (group >= job_.groups.size() || job_.groups[group].role != role)
      add(rank, "names group " + std::to_string(group) + ", which is no " +
                    std::string(name_of(role)) + " group");
    else
      ++named_by_[group];
  }

  void check_neighbour(Rank rank, Peer peer, Rank other, Rank RankPlace::*back) {
    if (other == kNone) return;
    if (other >= job_.ranks.size() || job_.ranks[other].*back != rank)
      add(rank, "names rank " + std::to_string(other) + " as its " + std::string(name_of(peer)) +
                    ", which does not name it in return");
  }

  /// Members are different ranks that name this group, and nobody else names it.
  void check_group(std::uint32_t id) {
    const Group& group = job_.groups[id];
    const auto role = static_cast<std::size_t>(group.role);
    for (const Rank rank : group.ranks) {
      if (rank >= job_.ranks.size() || job_.ranks[rank].group[role] != id)
        add(rank, "is in group " + std::to_string(id) + ", which its place does not name");
      else if (last_group_[role][rank] == id)
        add(rank, "is in group " + std::to_string(id) + " twice");
      else
        last_group_[role][rank] = id;
    }
    if (named_by_[id] > group.ranks.size())
      findings_.add([&] {
        return "group " + std::to_string(id) + " has " + std::to_string(group.ranks.size()) +
               " ranks, but " + std::to_string(named_by_[id]) + " name it";
      });
  }

  void check_needs() {
    std::vector<std::array<bool, kNumLanes>> used;
    for (const Program& program : job_.programs) used.push_back(lanes_used(program));
    for (Rank rank = 0; rank < job_.ranks.size(); ++rank) {
      const RankPlace& place = job_.ranks[rank];
      const auto uses = [&](Lane lane) { return used[place.program][static_cast<int>(lane)]; };
      const std::string& program = job_.programs[place.program].name;
      for (int role = 0; role < kNumGroupRoles; ++role)
        if (const GroupRole r{static_cast<std::uint8_t>(role)};
            uses(lane_of(r)) && place.group[role] == kNone)
          add(rank, "(" + program + ") has no " + std::string(name_of(r)) + " group to meet in");
      if ((uses(Lane::kSendNext) || uses(Lane::kRecvNext)) && place.next == kNone)
        add(rank, "(" + program + ") has no next rank to talk to");
      if ((uses(Lane::kSendPrevious) || uses(Lane::kRecvPrevious)) && place.previous == kNone)
        add(rank, "(" + program + ") has no previous rank to talk to");
    }
  }

  const Job& job_;
  Findings& findings_;
  std::vector<std::size_t> named_by_ = std::vector<std::size_t>(job_.groups.size());
  std::array<std::vector<std::uint32_t>, kNumGroupRoles> last_group_ = [this] {
    std::array<std::vector<std::uint32_t>, kNumGroupRoles> none;
    none.fill(std::vector<std::uint32_t>(job_.ranks.size(), kNone));
    return none;
  }();
};

}  // namespace

void check_places(const Job& job, Findings& findings) { PlaceCheck(job, findings).run(); }

}  // namespace stepcast
