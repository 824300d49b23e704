// The kernels of kernels/ops/ as launchers of programs. They read operands in the order of
// kernels/live/cpu_launchers.h, in fp32, fp16 or bf16, and issue work to Launch::device's stream.
#pragma once

#include "kernels/live/launch.h"
#include "kernels/ops/device_context.h"

namespace stepcast {

/// nullptr for kernels that are not there yet.
LauncherTable cuda_launchers();

void cuda_copy(const Launch& launch);

}  // namespace stepcast
