// A scenario's training step for other programs: the model, plan and precision with every default
// filled in, so that none of these rules has to be written twice.
#pragma once

#include <string>

#include "sim/scenario/scenario.h"

namespace stepcast {

/// One JSON document; scenarios/README.md lists its keys ("A step for other frameworks").
std::string training_step_json(const Scenario& scenario);

}  // namespace stepcast
