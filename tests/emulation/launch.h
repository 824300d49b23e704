// kernels/ops/launch.h on the CPU.
#pragma once

#include "tests/emulation/block.h"

namespace stepcast::cuda {

inline std::byte* dynamic_shared() { return emulation::dynamic_shared(); }

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared,
            StreamHandle /*stream*/, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  emulation::run_grid({grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared,
                      [&] { kernel(static_cast<Parameters>(arguments)...); });
}

}  // namespace stepcast::cuda
