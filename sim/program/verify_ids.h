// The first half of verify(Program): the program as written, before any call is expanded.
#pragma once

#include "sim/program/findings.h"
#include "sim/program/program.h"

namespace stepcast {

/// Ids in range, enumerators that exist, sizes that are not negative, messages no larger than their
/// buffers, no alloc or free of resident buffers. When this finds nothing, a walk may index freely.
void check_ids(const Program& program, Findings& findings);

}  // namespace stepcast
