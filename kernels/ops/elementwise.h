// Kernels that only move, add or scale, on a GPU. Shapes are those of kernels/cpu/elementwise.h; T
// is float, Bf16 or Fp16; sums are fp32. All pointers are device memory; calls are issued to the
// context's stream and return at once.
#pragma once

#include <cstdint>

#include "kernels/cpu/elementwise.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// to = from, block by block, in another type where they differ (rounded to nearest); they do not
/// overlap. With `add`, to += from, summed in fp32.
template <typename To, typename From>
void copy(const CopyShape& shape, const From* from, To* to, bool add, DeviceContext& context);

/// to (cols, rows) = from (rows, cols) transposed, in tiles; to_stride is between rows of `to`.
template <typename T>
void transpose(const CopyShape& shape, const T* from, T* to, DeviceContext& context);

/// y = a + b; y may be either.
template <typename T>
void add(std::int64_t n, const T* a, const T* b, T* y, DeviceContext& context);

/// y = factor * x, rounded once; y may be x. `device_factor` (one float on the device) multiplies
/// as well unless it is null: loss scales and factors of clipping need no round trip to the host.
template <typename T>
void scale(std::int64_t n, float factor, const float* device_factor, const T* x, T* y,
           DeviceContext& context);

/// Adds the column sums of x (rows, cols), rows `stride` apart, to sums (cols): the gradient of a
/// bias.
template <typename T>
void add_column_sums(std::int64_t rows, std::int64_t cols, std::int64_t stride, const T* x,
                     float* sums, DeviceContext& context);

/// Zeros in a block of (rows, cols), rows `stride` apart.
template <typename T>
void clear(std::int64_t rows, std::int64_t cols, std::int64_t stride, T* x, DeviceContext& context);

/// The same byte everywhere.
void fill_bytes(std::int64_t n, std::uint8_t value, std::uint8_t* to, DeviceContext& context);

}  // namespace stepcast::cuda
