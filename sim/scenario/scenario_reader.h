// Scenarios from documents at hand, for files that hold or name several.
#pragma once

#include <optional>
#include <vector>

#include "sim/scenario/scenario.h"

namespace stepcast {

/// Where a scenario runs, when the file around it says so.
struct Placement {
  JsonValue topology;                 ///< stands in for the one that the scenario names
  std::vector<std::uint32_t> gpus{};  ///< by rank; empty: from `first_gpu` on
  std::int64_t first_gpu = 0;
};

/// As load_scenario(). GPUs that the topology has not got are left to the caller to find.
Scenario read_scenario(const JsonValue& root, const Library& library,
                       const std::optional<Placement>& placement = std::nullopt);

}  // namespace stepcast
