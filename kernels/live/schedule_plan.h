// A collective schedule from where one member stands: what it sends and receives in each step, and
// where the chunks lie in the buffers of a collective.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/collective/schedule.h"

namespace stepcast {

/// Of one member. Steps in which it has nothing to do are left out.
struct MemberPlan {
  struct Move {
    std::uint32_t peer = 0;  ///< member to send to or receive from
    std::uint32_t chunk = 0;
    bool reduce = false;  ///< received data is combined with the own chunk
  };
  struct Step {
    std::vector<Move> sends, receives;
  };
  CollectiveKind kind{};
  std::uint32_t members = 0, member = 0, chunks = 0;
  std::vector<Step> steps;
  std::vector<bool> received;  ///< by chunk: whether it comes in at some step
};

/// `schedule` must be proved (sim/collective/verify.h).
MemberPlan plan_of(const CollectiveSchedule& schedule, std::uint32_t member);

/// Elements of a chunk.
struct ChunkRange {
  std::size_t begin = 0, count = 0;
};

/// Of `elements` in `chunks` parts that differ by one element at the most.
ChunkRange chunk_range(std::size_t elements, std::uint32_t chunks, std::uint32_t chunk);

}  // namespace stepcast
