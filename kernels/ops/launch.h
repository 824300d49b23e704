// How a kernel is started, and the few words that nvcc and the emulation (tests/emulation/) spell
// differently. One source serves both: kernels use threadIdx, __shared__, __syncthreads and
// __shfl_*_sync as ever, and are started by launch() instead of <<<>>>. Only .cu files include it.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/stream.h"

namespace stepcast::cuda {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffff;

}  // namespace stepcast::cuda

#ifdef STEPCAST_EMULATED
#include "tests/emulation/launch.h"
#else
#include "kernels/cuda/check.h"

namespace stepcast::cuda {

/// The block's dynamic shared memory, as many bytes as the launch gave it.
__device__ __forceinline__ std::byte* dynamic_shared() {
  extern __shared__ uint4 stepcast_dynamic_shared[];
  return reinterpret_cast<std::byte*>(stepcast_dynamic_shared);
}

/// Issues kernel(arguments...) to the stream, as <<<>>> does. An empty grid is no launch. More than
/// 48 KiB of shared memory are asked for first [CUDA C++ Programming Guide, shared memory].
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared,
            StreamHandle stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (shared > 48 * 1024)
    check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shared)));
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  config.stream = stream;
  check_cuda(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...));
}

}  // namespace stepcast::cuda
#endif
