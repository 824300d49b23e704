// Printable form of a program: `stepcast program`, golden tests, bug reports.
#pragma once

#include <string>

#include "sim/program/program.h"

namespace stepcast {

/// Header with buffers by category, each block op by op, then the calls, runs of like calls folded.
std::string to_text(const Program& program);

}  // namespace stepcast
