// One rank class on its way through its script. Times of GPU work need no event: a lane computes as
// far ahead as it knows what it depends on, and stops at what it does not know yet: an event of
// another lane, the end of a transfer, or when the CPU comes to a segment (after a host wait).
//
// Causality. Call a time "known" from the moment (of the network's clock) at which it is computed.
// With one stream per lane (Lanes::kSeparate) every time is known no later than its own value:
// known from the beginning are the CPU's times up to the first host wait. An op's start is the
// maximum of its stream's previous end, its issue time and the events it waits for. It is computed
// as soon as the last of these is known, hence, by induction, no later than the largest of them. An
// end is a start plus a duration, a transfer's start the maximum of its posts, and the end of a
// flow is known when it happens. So no flow is ever started in the past. With joined lanes an op
// may be held up by a gate of another stream of its lane, on which it does not depend; Meetings
// notices when this matters (PostedTooLate), and the job is run again with separate lanes.
//
// Kernels that transfers may slow down (overlap.h), or ranks on the same processor (processors.h),
// are taken only when the clock has come to their end: by then every transfer and every kernel that
// began before is known, by the argument above.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/engine/compile.h"
#include "sim/engine/kernel_pace.h"
#include "sim/engine/meetings.h"

namespace stepcast {

/// What a rank class needs to pace its kernels by the transfers beside them.
struct KernelClock {
  KernelRates rates;
  PortSet ports = kNoPorts;   ///< whose transfers may run beside kernels of this rank
  const FlowSolver& network;  ///< for the time
  /// Asks for advance() at a date.
  std::function<void(double date)> call_at;
  /// Where the rank shares its processor: runs a kernel there, and asks for advance() after
  /// `ended`.
  std::function<void(double begin, double work, FlowSolver::Callback ended)> run_shared = {};
};

class RankWalk {
 public:
  /// Keeps references to all of them. `start`: when the CPU begins.
  RankWalk(std::uint32_t rank_class, const Program& program, const ProgramIndex& index,
           const Script& script, const FoldedChannels& channels, Meetings& meetings,
           KernelClock clock, double start);

  /// Goes on as far as known times allow. Returns how many steps were taken.
  std::uint64_t advance();
  bool done() const;
  /// When the last op and the CPU have ended; for a walk that is done.
  double end() const;
  /// Ops that can't start or end, one for each lane that is stuck: "forward.chunk0 op 3 (...)".
  std::vector<std::string> stuck() const;
  /// Ends of the kernels that were steps of their own, in order.
  const std::vector<double>& kernel_ends() const { return kernel_ends_; }

 private:
  struct Lane {
    std::uint32_t call = 0;
    std::uint32_t step = 0;          // within the lane's steps of the call's block
    std::uint32_t posted = kNone;    // the meeting that the lane is waiting for
    double kernel_begin = kUnknown;  // of the kernel that the lane is waiting for
    double kernel_end = kUnknown;    // of it, on a shared processor
    double called_at = kUnknown;     // the end that was asked for last
    std::array<double, kNumStreams>
        free{};  // when each stream of the lane has ended its ops so far
  };

  std::uint64_t advance(std::uint32_t lane);
  bool take(std::uint32_t lane, const ScriptStep& step);
  bool pass_gate(Lane& lane, const ScriptStep& step);
  bool transfer(Lane& lane, const ScriptStep& step);
  bool run_kernel(Lane& lane, const ScriptStep& step);
  void start_shared(Lane& lane, double work);
  double paced_end(Lane& lane, const KernelStep& kernel);
  void apply(std::uint32_t lane, const ScriptStep& step, double cpu);
  void run_cpu();

  std::uint32_t rank_class_;
  const Program& program_;
  const ProgramIndex& index_;
  const Script& script_;
  const FoldedChannels& channels_;
  Meetings& meetings_;
  KernelClock clock_;

  std::vector<Lane> lanes_;
  TransfersBeside beside_;
  std::vector<double> kernel_ends_;
  std::vector<double> slots_;                 // when signals are reached
  std::vector<double> entered_;               // when the CPU entered its segments, as far as known
  std::vector<std::uint32_t> first_segment_;  // by call
  double cpu_;
  std::uint32_t cpu_call_ = 0, cpu_segment_ = 0;  // where the CPU goes on
};

}  // namespace stepcast
