#include "tools/cli/memory_fit.h"

#include "sim/base/quantity_text.h"

namespace stepcast::cli {

namespace {

/// What this plan has not done yet.
std::string way_out(const Plan& plan) {
  std::string text = "a larger tp or pp";
  if (plan.micro_batch_size > 1) text = "a smaller micro_batch_size, " + text;
  if (plan.recompute != Recompute::kFull) text = "more recompute, " + text;
  return plan.zero_stage == 0 && plan.dp > 1 ? "zero_stage 1, " + text : text;
}

}  // namespace

void require_fit(const Scenario& scenario, const Report& report) {
  if (report.fit != Fit::kDoesNotFit) return;
  const StageMemory& fullest = report.memory[report.fullest_stage];
  throw Error(
      ErrorKind::kInfeasible,
      {{.file = scenario.file,
        .path = "plan",
        .message = "does not fit in memory: " + fullest.name + " needs " +
                   to_text(fullest.reserved) + " of " + to_text(report.memory_capacity) +
                   " (peak at " + fullest.peak.cause + "); try " + way_out(scenario.plan) +
                   "; `stepcast memory` shows the parts, --ignore-memory predicts anyway"}});
}

}  // namespace stepcast::cli
