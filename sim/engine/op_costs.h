// Times of the ops of a job as far as they do not depend on the rank: kernels and the CPU's share.
// Each distinct kernel is costed once.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cost/cost_model.h"
#include "sim/engine/program_index.h"
#include "sim/program/job.h"

namespace stepcast {

struct OpCost {
  double issue = 0;                ///< CPU seconds
  double duration = 0;             ///< GPU seconds of a kernel at slowdown 1; 0 for other ops
  std::uint32_t transfer = kNone;  ///< index into OpCosts::transfers
};

struct OpCosts {
  std::vector<std::vector<std::vector<OpCost>>> by_program;  ///< [program][block][op]
  std::vector<TransferKey> transfers;                        ///< distinct ones
  Grade grade = Grade::kMeasured;                            ///< worst of the kernels'
};

/// Throws Error(kUnsupported) when a kernel can't be costed.
OpCosts cost_ops(const Job& job, const CostModel& costs);

}  // namespace stepcast
