// What a step needs beside its ops, worked out once from the program: where each buffer lies, and
// which stream has to wait for which where memory changes hands.
//
// Memory is given back and taken in the order of issue, but streams run beside each other: what
// still works on a buffer when it is freed may run after the first op on the buffer that comes to
// lie there. That op's stream then waits for the last op of each stream on the old buffer, unless
// the program's own events say so already (vector clocks over streams, hosts and events). Waits
// refer to ops that were issued before, so whatever runs in the order of issue can wait no circle.
// PyTorch's allocator puts off the reuse instead (record_stream), and its peak depends on timing.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/live/arena.h"
#include "kernels/live/live_device.h"
#include "sim/program/program.h"

namespace stepcast {

/// A mark that belongs to an op; ops are counted in the order of issue over all calls.
struct OpMark {
  std::uint32_t op = 0;
  Mark mark = 0;
  bool operator==(const OpMark&) const = default;
};

struct StepPlan {
  Bytes arena_size;
  std::vector<std::vector<std::int64_t>> residents;  ///< offsets by buffer, by instance
  std::vector<std::int64_t> offsets;                 ///< of Allocs, in the order of issue
  std::vector<OpMark> set_after;    ///< marks that are set behind an op, for reuse of memory
  std::vector<OpMark> wait_before;  ///< and those that an op's stream waits for
  std::vector<Mark> event_marks;    ///< by event: mark of its first instance

  Mark mark_of(const Program& program, EventId event, std::uint32_t microbatch) const {
    return event_marks[event] + (program.events[event].scope == Scope::kStep ? 0 : microbatch);
  }
};

/// The program has passed verify(). Linear in the ops of the step, but for the search for gaps.
StepPlan plan_step(const Program& program);

}  // namespace stepcast
