// Refuses scenarios that do not fit in memory, for commands that predict times.
#pragma once

#include "sim/report/report.h"

namespace stepcast::cli {

/// Throws Error(kInfeasible) saying which stage needs what, and what to try.
void require_fit(const Scenario& scenario, const Report& report);

}  // namespace stepcast::cli
