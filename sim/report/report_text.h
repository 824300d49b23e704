// The report for people: one screen, first what was asked for, then why.
#pragma once

#include <string>

#include "sim/report/report.h"

namespace stepcast {

std::string report_table(const Scenario& scenario, const Report& report);
/// The memory part alone: what was asked for, every stage, and the peak.
std::string memory_table(const Scenario& scenario, const Report& report);
/// The largest buffers at the peak of the fullest stage.
std::string peak_table(const Report& report);

}  // namespace stepcast
