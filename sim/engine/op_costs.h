// Times of the ops of a job as far as they do not depend on the rank: kernels and the CPU's share.
// In two steps: which ops are alike is a matter of the job alone; each distinct one is then costed
// once, however often costs change.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/cost/cost_model.h"
#include "sim/engine/program_index.h"
#include "sim/program/job.h"

namespace stepcast {

/// The distinct ops of a job. Keeps pointers into it.
class JobOps {
 public:
  explicit JobOps(const Job& job);

  struct DistinctOp {
    const What* what = nullptr;      ///< of the first such op
    std::uint32_t transfer = kNone;  ///< index into transfers()
  };
  const std::vector<DistinctOp>& distinct() const { return distinct_; }
  const std::vector<TransferKey>& transfers() const { return transfers_; }
  /// Index into distinct(), [block][op].
  const std::vector<std::vector<std::uint32_t>>& of_program(std::uint32_t program) const {
    return of_program_[program];
  }
  /// The transfers that a program asks of a port.
  const std::vector<std::uint32_t>& transfers_of(std::uint32_t program, Port port) const {
    return port_transfers_[program][static_cast<int>(port)];
  }

 private:
  std::vector<DistinctOp> distinct_;
  std::vector<TransferKey> transfers_;
  std::vector<std::vector<std::vector<std::uint32_t>>> of_program_;
  std::vector<std::array<std::vector<std::uint32_t>, kNumPorts>> port_transfers_;
};

struct OpCost {
  double issue = 0;           ///< CPU seconds
  double duration = 0;        ///< GPU seconds of a kernel at slowdown 1; 0 for other ops
  bool memory_bound = false;  ///< of a kernel: what transfers beside it take (kernel_pace.h)
  /// Of a kernel that is not timed from measurements of its device (graded transferred or assumed):
  /// one standard deviation, relative; of all others 0.
  double unmeasured_sigma = 0;
  std::uint32_t transfer = kNone;  ///< index into JobOps::transfers()
};

/// The ops of one program; refers to OpCosts and JobOps.
class ProgramCosts {
 public:
  ProgramCosts(const std::vector<OpCost>& distinct,
               const std::vector<std::vector<std::uint32_t>>& of_program)
      : distinct_(distinct), of_program_(of_program) {}
  const OpCost& at(BlockId block, std::uint32_t position) const {
    return distinct_[of_program_[block][position]];
  }

 private:
  const std::vector<OpCost>& distinct_;
  const std::vector<std::vector<std::uint32_t>>& of_program_;
};

struct OpCosts {
  std::vector<OpCost> distinct;    ///< by index into JobOps::distinct()
  Grade grade = Grade::kMeasured;  ///< worst of the kernels'
};

/// Throws Error(kUnsupported) when a kernel can't be costed. `wanted`, by index into
/// JobOps::distinct(), leaves out what these costs are not for; empty: all are wanted.
OpCosts cost_ops(const JobOps& ops, const CostModel& costs, const std::vector<bool>& wanted = {});

}  // namespace stepcast
