// What NCCL does to a GPU: for a reduction some blocks that read two arrays, add, and write one,
// for a message some that copy; each on an SM that it has to itself, as NCCL's blocks have beside
// kernels that need the shared memory of an SM.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/stream.h"

namespace stepcast::cuda {

/// y (n) += x (n), fp32, n a multiple of 4, both aligned to 16 bytes, `passes` times over, by
/// `blocks` blocks. Each asks for `shared` bytes of shared memory: as many as an SM has keep all
/// others away.
void occupying_reduction(int blocks, std::int64_t n, const float* x, float* y, int passes,
                         std::size_t shared, StreamHandle stream);

/// y = x likewise; y may be memory of another GPU that this one reaches.
void occupying_copy(int blocks, std::int64_t n, const float* x, float* y, int passes,
                    std::size_t shared, StreamHandle stream);

}  // namespace stepcast::cuda
