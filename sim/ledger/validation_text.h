// Validation -> text. The JSON keys are a promise to scripts (tests/validation/README.md).
#pragma once

#include <string>

#include "sim/ledger/validation.h"

namespace stepcast {

/// One document; errors are fractions, absent figures are null.
std::string to_json(const Validation& validation);
/// For people: totals, groups, what was skipped by reason, and with `rows` a line per row.
std::string to_table(const Validation& validation, bool rows = false);

}  // namespace stepcast
