// What a fit of collectives prints: errors by size and system, in the fit and with each system left
// out, and what became of the parameters.
#pragma once

#include <string>

#include "sim/ledger/collective_fit.h"

namespace stepcast {

std::string to_table(const SharedFit& fit);
/// Keys end in their unit; errors are fractions.
std::string to_json(const SharedFit& fit);

}  // namespace stepcast
