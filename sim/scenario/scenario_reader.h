// Scenarios from documents at hand, for files that hold or name several.
#pragma once

#include <optional>

#include "sim/scenario/scenario.h"

namespace stepcast {

/// As load_scenario(). A `topology` stands in for the one that the scenario names.
Scenario read_scenario(const JsonValue& root, const Library& library,
                       const std::optional<JsonValue>& topology = std::nullopt);

}  // namespace stepcast
