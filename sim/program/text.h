// Printable form of a program: `stepcast program`, golden tests, bug reports.
#pragma once

#include <string>

#include "sim/program/program.h"

namespace stepcast {

/// Header with buffers by category, each block op by op, then the calls, runs of like calls folded.
/// Ids must be in range (verify).
///
///     program stage 0 of 2, 8 microbatches
///
///     parameters: 1.00 KiB resident, 0 B allocated
///       w 1.00 KiB bf16 resident
///
///     block forward.chunk0
///       0    compute        alloc x
///       1    compute        copy(elements=32, bf16) [w] -> [x] signals ready
///       2    send_next      send to next tag 0 64 B [x] waits [ready]
///
///     calls
///       forward.chunk0 microbatch 0..2
///       backward.chunk0 microbatch 0..4 and forward.chunk0 microbatch 3..7 in turn
std::string to_text(const Program& program);

}  // namespace stepcast
