// Kernels of a block per row: how many threads it has, and its packs.
#pragma once

#include "kernels/ops/pack.h"
#include "kernels/ops/reduce.h"

namespace stepcast::cuda {

inline constexpr int kMostRowThreads = 512;

/// Whole warps, one pack per thread where a row is short.
inline dim3 row_threads(std::int64_t cols, int width) {
  const std::int64_t packs = (cols + width - 1) / width;
  const std::int64_t whole = (packs + kWarp - 1) / kWarp * kWarp;
  return dim3(static_cast<unsigned>(whole < kWarp             ? kWarp
                                    : whole < kMostRowThreads ? whole
                                                              : kMostRowThreads));
}

/// visit(col) for the packs of a row that are this thread's. All but the first visit to memory of a
/// row find it in the first cache: the rows of the blocks on a multiprocessor fit there.
template <int N, typename Visit>
__device__ __forceinline__ void for_packs(std::int64_t cols, Visit visit) {
  for (std::int64_t col = static_cast<std::int64_t>(threadIdx.x) * N; col < cols;
       col += static_cast<std::int64_t>(blockDim.x) * N)
    visit(col);
}

}  // namespace stepcast::cuda
