// Walks the program of one rank for real: buffers in an arena, kernels through a table of
// launchers, collectives and messages through communicators.
//
// Ops run in the order of issue, one after the other, on whatever stream they are written: a device
// whose communication is work of the same core has nothing to overlap. Calls return when the result
// is there, so events and host waits need nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/live/arena.h"
#include "kernels/live/batch_source.h"
#include "kernels/live/launch.h"
#include "kernels/live/live_rank.h"
#include "sim/program/program.h"

namespace stepcast {

/// Told of every op before and after it, allocations included.
class OpObserver {
 public:
  virtual ~OpObserver() = default;
  virtual void begins(std::uint32_t call, std::uint32_t op) = 0;
  virtual void ended(std::uint32_t call, std::uint32_t op) = 0;
  /// Of the op that has begun: on which memory it works. What `launch` refers to is good until the
  /// op has ended, the memory as long as the executor.
  virtual void computes(const Launch& /*launch*/) {}
  virtual void communicates(const Collective& /*op*/, std::span<const std::byte> /*from*/,
                            std::span<std::byte> /*to*/) {}
};

/// Throws Error(kUnsupported) for a program that is only timed, for a kernel without a launcher,
/// and for element types that training needs more for than programs say (fp8: scales of tensors,
/// fp16: a scaled loss).
void check_runnable(const Program& program, LauncherTable launchers);

struct ExecutorOptions {
  LauncherTable launchers;
  AdamSettings adam = {};
  std::uint64_t seed = 1;           ///< of the initial weights
  OpObserver* observer = nullptr;   ///< outlives the executor
  DeviceContext* device = nullptr;  ///< for launchers of a GPU; outlives the executor
};

class Executor {
 public:
  /// Takes the memory and fills the weights. The program has passed verify(); it and `rank` outlive
  /// the executor. Throws as check_runnable() and Arena do.
  Executor(const Program& program, const LiveRank& rank, const ExecutorOptions& options);

  /// One training step. Throws what communicators throw.
  void run_step(const BatchSource& source);

  std::int64_t steps() const { return step_; }
  /// This rank's share of the mean loss of the last step; 0 where the program has none.
  double loss() const;
  /// Largest live bytes so far: walk_memory(program).total after a step.
  Bytes peak() const { return arena_.peak(); }
  /// A tensor of the table, and its gradient of the last step: under ZeRO-1 only this rank's share
  /// of the latter is the sum over replicas. Where they are fp32.
  std::span<float> weight(const WeightTensor& tensor) const;
  std::span<float> gradient(const WeightTensor& tensor) const;
  /// A resident buffer of fp32, and of any type.
  std::span<float> resident(BufferId buffer) const;
  std::span<std::byte> resident_bytes(BufferId buffer) const;

 private:
  friend struct OpRunner;
  void initialise_weights();
  void initialise_master_copies();
  void begin_step(const BatchSource& source);
  void fill_ids(BufferId buffer, const BatchSource& source, std::int64_t shift);

  const Program& program_;
  const LiveRank& rank_;
  ExecutorOptions options_;
  Arena arena_;
  std::int64_t step_ = 0;
  std::vector<LiveOperand> operands_;  ///< of the op at hand
};

}  // namespace stepcast
