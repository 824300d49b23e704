// Walks the program of one rank for real: buffers in an arena, kernels on the rank's device,
// collectives and messages through its exchange.
//
// Ops are issued in the order of the program, each to its stream, with the program's events as
// marks between streams. Whether streams then run beside each other is the device's business. A
// step ends when all streams have.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/live/arena.h"
#include "kernels/live/batch_source.h"
#include "kernels/live/launch.h"
#include "kernels/live/live_rank.h"
#include "kernels/live/step_plan.h"
#include "sim/program/program.h"

namespace stepcast {

/// Told of every op before and after it is issued, allocations included; what its stream waits for
/// comes before.
class OpObserver {
 public:
  virtual ~OpObserver() = default;
  /// Before steps: the weights of that name get their first values.
  virtual void prepares(std::string_view /*weights*/) {}
  virtual void begins(std::uint32_t call, std::uint32_t op) = 0;
  virtual void ended(std::uint32_t call, std::uint32_t op) = 0;
  /// Of the op that has begun: on which memory it works. What `launch` refers to is good until the
  /// op has ended, the memory as long as the executor.
  virtual void computes(const Launch& /*launch*/) {}
  virtual void communicates(const Collective& /*op*/, std::span<const std::byte> /*from*/,
                            std::span<std::byte> /*to*/) {}
  /// All ops of the step are issued, and the host waits for their end.
  virtual void waits() {}
};

/// Throws Error(kUnsupported) for a program that is only timed, for a kernel without a launcher,
/// and for element types that training needs more for than programs say (fp8: scales of tensors,
/// fp16: a scaled loss).
void check_runnable(const Program& program, LauncherTable launchers);

struct ExecutorOptions {
  AdamSettings adam = {};
  std::uint64_t seed = 1;          ///< of the initial weights
  OpObserver* observer = nullptr;  ///< outlives the executor
};

class Executor {
 public:
  /// Takes the memory and fills the weights. The program has passed verify(); it and `rank` outlive
  /// the executor. Throws as check_runnable() and Arena do.
  Executor(const Program& program, const LiveRank& rank, const ExecutorOptions& options);

  /// One training step; returns when it is done. Throws what devices and exchanges throw.
  void run_step(const BatchSource& source);

  std::int64_t steps() const { return step_; }
  /// This rank's share of the mean loss of the last step; 0 where the program has none.
  double loss() const;
  /// Largest live bytes so far: walk_memory(program).total after a step.
  Bytes peak() const { return arena_.peak(); }
  /// A tensor of the table, and its gradient of the last step: under ZeRO-1 only this rank's share
  /// of the latter is the sum over replicas. Where they are fp32.
  std::vector<float> weight(const WeightTensor& tensor) const;
  std::vector<float> gradient(const WeightTensor& tensor) const;
  void set_weight(const WeightTensor& tensor, std::span<const float> values);
  /// A resident buffer of fp32, and of any type.
  std::vector<float> floats(BufferId buffer) const;
  std::vector<std::byte> read(BufferId buffer) const;
  void write(BufferId buffer, std::span<const std::byte> bytes);

 private:
  friend struct OpRunner;
  void initialise_residents();
  void initialise_weights();
  void initialise_master_copies();
  void copy_widened(const LiveOperand& weight, const LiveOperand& master);
  void begin_step(const BatchSource& source);
  void fill_ids(BufferId buffer, const BatchSource& source, std::int64_t shift);
  void issue(std::uint32_t call, std::uint32_t op);
  void check_fp32(BufferId buffer) const;
  std::span<std::byte> bytes_of(BufferId buffer, std::uint32_t instance) const;
  std::vector<float> read_floats(BufferId buffer, std::int64_t offset, std::int64_t count) const;

  const Program& program_;
  const LiveRank& rank_;
  ExecutorOptions options_;
  LiveDevice& device_;
  StepPlan plan_;
  Arena arena_;
  std::int64_t step_ = 0;
  std::vector<LiveOperand> operands_;  ///< of the op at hand
  std::vector<ExchangePart> parts_;    ///< of the collective at hand
  std::vector<std::int32_t> ids_;      ///< of the microbatch at hand
};

}  // namespace stepcast
