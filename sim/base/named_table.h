// Things found by name: collective algorithms, schedules, optimizers, kernels. A table is a plain
// array written out by hand in one .cpp; `stepcast list` prints it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/error.h"
#include "sim/base/nearest_name.h"

namespace stepcast {

/// The row named `name` of a table whose rows have a member `name`. Throws Error(kInput) listing
/// the names that exist, the likeliest first; `what` says what was looked for ("pipeline
/// schedule").
template <typename Row>
const Row& find_row(std::span<const Row> table, std::string_view name, std::string_view what) {
  for (const Row& row : table)
    if (row.name == name) return row;
  std::vector<std::string> names;
  for (const Row& row : table) names.emplace_back(row.name);
  throw Error(ErrorKind::kInput, unknown_name(what, name, names));
}

}  // namespace stepcast
