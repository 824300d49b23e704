// Compression of gradients on a GPU: kernels/cpu/compression.h says what is computed, to the bit.
#pragma once

#include "kernels/cpu/compression.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// The k <= n elements of x (n) that are largest in magnitude, of equal ones the earlier: their
/// indices in rising order, and their values. A radix search of the k-th magnitude in three passes,
/// then two that count and write in order: x is read five times. NaN is not allowed.
void top_k(std::int64_t n, std::int64_t k, const float* x, std::int32_t* indices, float* values,
           DeviceContext& context);

/// x[indices[i]] += values[i], for k of them; indices are different.
void add_sparse(std::int64_t k, const std::int32_t* indices, const float* values, float* x,
                DeviceContext& context);

void quantize(const QuantizeShape& shape, const float* x, std::int8_t* q, float* scales,
              DeviceContext& context);

/// Overwrites x.
void dequantize(const QuantizeShape& shape, const std::int8_t* q, const float* scales, float* x,
                DeviceContext& context);

}  // namespace stepcast::cuda
