// Part of verify(Program): operands fit their kernels and buffers.
#pragma once

#include "sim/program/findings.h"
#include "sim/program/program.h"

namespace stepcast {

/// Of a program that can be run for real: every operand of a kernel is there, has the shape that
/// the kernel's dimensions ask for and lies inside its buffer; the parts of a collective are
/// contiguous and add up to its size; weights and their gradients lie in their buffers. Ids must be
/// in range.
void check_operands(const Program& program, Findings& findings);

}  // namespace stepcast
