// What happened when: spans of ops on streams of ranks. Both interpreters write it, reports read
// it.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/program/job.h"

namespace stepcast {

struct Span {
  Rank rank = 0;           ///< representative of its class when the run was folded
  std::uint32_t call = 0;  ///< index into Program::calls
  std::uint32_t op = 0;    ///< index into Block::ops
  Seconds begin, end;
};

struct Trace {
  std::vector<Span> spans;  ///< by rank, then in order of begin
  bool complete = true;     ///< false: the step did not end on all ranks
};

}  // namespace stepcast
