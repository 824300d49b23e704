// Watches an executor: when each op of a step began and ended on its stream, and, when asked, on
// which memory it worked, so that it can be timed again by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/live/executor.h"
#include "kernels/live/rank_context.h"

namespace stepcast {

/// An op that takes time: not an allocation, nor a wait of the host.
struct TimedOp {
  std::uint32_t call = 0, op = 0;
  double begin = 0, end = 0;  ///< wall_seconds() of its stream
};

/// A kernel of the last recorded step. Refers to the program.
struct RecordedLaunch {
  const Kernel* kernel = nullptr;
  const KernelArguments* arguments = nullptr;
  std::vector<LiveOperand> operands;
  std::int64_t index = 0;
};

/// A part of a collective of the last recorded step.
struct RecordedCollective {
  const Collective* op = nullptr;
  std::span<const std::byte> from;
  std::span<std::byte> to;
};

class StepRecorder final : public OpObserver {
 public:
  /// All outlive it. Every op is a sign of life of the rank.
  StepRecorder(const Program& program, RankContext& context, LiveDevice& device);

  /// Forgets the ops of the step before.
  void begin_step(std::int64_t step);
  /// From the next step on, until called again. Times are recorded at first, memory is not.
  void record_memory(bool on) { record_memory_ = on; }
  void record_times(bool on) { record_times_ = on; }

  /// When the step, or its issue, has ended: one that has not begun or ended has a time of 0.
  std::vector<TimedOp> ops() const;
  const std::vector<RecordedLaunch>& launches() const { return launches_; }
  const std::vector<RecordedCollective>& collectives() const { return collectives_; }

  void prepares(std::string_view weights) override;
  void begins(std::uint32_t call, std::uint32_t op) override;
  void ended(std::uint32_t call, std::uint32_t op) override;
  void computes(const Launch& launch) override;
  void communicates(const Collective& op, std::span<const std::byte> from,
                    std::span<std::byte> to) override;
  void waits() override;

 private:
  /// Stamps of an op.
  struct Stamped {
    std::uint32_t call = 0, op = 0;
    Stamp begin = 0;
    std::optional<Stamp> end = {};
  };
  Stream stream_of(std::uint32_t call, std::uint32_t op) const;

  const Program& program_;
  RankContext& context_;
  std::vector<std::vector<std::string>> names_;  ///< by block, then op; empty: takes no time
  LiveDevice& device_;
  std::int64_t step_ = 0;
  std::vector<Stamped> ops_;
  bool record_times_ = true, record_memory_ = false;
  std::vector<RecordedLaunch> launches_;
  std::vector<RecordedCollective> collectives_;
};

}  // namespace stepcast
