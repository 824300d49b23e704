// All programs of one training job: ranks fall into program classes (ranks that run the very same
// program), and into communicators. What lowering returns and the engine takes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

using Rank = std::uint32_t;

/// A communicator.
struct Group {
  GroupRole role{};
  std::vector<Rank> ranks;  ///< in communicator order
};

/// What a rank is part of. kNone where it has no such group or neighbour.
struct RankPlace {
  std::uint32_t program = 0;  ///< index into Job::programs
  std::array<std::uint32_t, kNumGroupRoles> group{kNone, kNone, kNone, kNone};  ///< by GroupRole
  Rank next = kNone;  ///< pipeline neighbour that Peer::kNext means
  Rank previous = kNone;
  std::uint32_t dp_index = 0;  ///< coordinates, for folding options and reports
  std::uint32_t tp_index = 0;
};

struct Job {
  std::vector<Program> programs;
  std::vector<Group> groups;
  std::vector<RankPlace> ranks;  ///< by rank
};

}  // namespace stepcast
