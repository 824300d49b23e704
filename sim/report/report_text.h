// The report for people: one screen, first what was asked for, then why.
#pragma once

#include <string>

#include "sim/report/report.h"

namespace stepcast {

std::string report_table(const Scenario& scenario, const Report& report);
/// Only the memory part, with the largest buffers of the fullest stage.
std::string memory_table(const Report& report);

}  // namespace stepcast
