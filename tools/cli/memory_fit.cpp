#include "tools/cli/memory_fit.h"

#include "sim/base/quantity_text.h"

namespace stepcast::cli {

void require_fit(const Scenario& scenario, const Report& report) {
  if (report.fit != Fit::kDoesNotFit) return;
  const StageMemory& fullest = report.memory[report.fullest_stage];
  throw Error(
      ErrorKind::kInfeasible,
      {{.file = scenario.file,
        .path = "plan",
        .message =
            "does not fit in memory: " + fullest.name + " needs " + to_text(fullest.reserved) +
            " of " + to_text(report.memory_capacity) + " (peak at " + fullest.peak.cause +
            "); try more recompute, a smaller micro_batch_size, a larger tp or pp, or "
            "zero_stage 1; `stepcast memory` shows the parts, --ignore-memory predicts anyway"}});
}

}  // namespace stepcast::cli
