// The report for programs: one document, keys end in their unit. scenarios/README.md lists the
// keys.
#pragma once

#include <string>

#include "sim/report/report.h"

namespace stepcast {

std::string report_json(const Scenario& scenario, const Job& job, const Simulation& simulation,
                        const Report& report);

/// The memory keys of the same document.
std::string memory_json(const Scenario& scenario, const Report& report);

}  // namespace stepcast
