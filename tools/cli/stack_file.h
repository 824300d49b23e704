// Stacks are written with the traits of the file that they come from, and new costs.
#pragma once

#include <string>

#include "sim/stepcast.h"

namespace stepcast::cli {

/// `stack`: a shipped name or a path. `source` says where the costs come from.
std::string stack_file_text(const std::string& stack, const StackProfile& costs,
                            const std::string& source, const Library& library);

}  // namespace stepcast::cli
