// After the run: one more walk over every op of a rank class, in the order of issue, now that the
// ends of all transfers are known. It tells where the compute stream spent the step, and when each
// op ran.
#pragma once

#include <vector>

#include "sim/engine/compile.h"
#include "sim/engine/meetings.h"
#include "sim/engine/simulate.h"

namespace stepcast {

/// What the walk needs to know of a rank class.
struct WalkedRank {
  std::uint32_t rank_class = 0;
  const Program& program;
  const ProgramIndex& index;
  ProgramCosts costs;
  const RankTiming& timing;
  const FoldedChannels& channels;
  const Meetings& meetings;
  double start = 0;  ///< when the CPU begins; until then the compute stream waits for the host
  const Overlap& overlap;
  const std::vector<double>& kernel_ends;  ///< of the kernels that `overlap` marks, in order
};

struct RankAccount {
  TimeByCause time;  ///< adds up to the step time
  std::vector<Seconds> compute_by_kind;
  Seconds work;  ///< see RankReport, as is the next
  Seconds unmeasured_sigma;
  std::vector<Span> spans;  ///< of Span::rank 0, by begin; empty unless asked for
};

/// Idle time of the compute stream is charged to what ended last before its next op could start:
/// the op whose event it awaited, by the kind of its group, or the CPU. Where the awaited op itself
/// had to wait, for the CPU or for an op of another kind, that part is theirs; where the CPU was
/// waiting for a stream, that part is the stream's.
RankAccount attribute(const WalkedRank& rank, double step_time, bool with_spans);

}  // namespace stepcast
