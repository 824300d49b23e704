// Compression of gradients before they are sent: the largest elements only, or eight bits each.
#pragma once

#include <cstdint>

namespace stepcast {

/// int8 quantisation in blocks: element i of block b is scales[b] * q[i].
struct QuantizeShape {
  std::int64_t n = 0;
  std::int64_t block = 256;  ///< elements that share a scale; the last block may be shorter

  std::int64_t blocks() const { return (n + block - 1) / block; }
};

namespace cpu {

/// The k elements of x (n) that are largest in magnitude, of equal ones the earlier: their indices
/// in rising order, and their values. k <= n < 2^31; NaN is not allowed.
void top_k(std::int64_t n, std::int64_t k, const float* x, std::int32_t* indices, float* values);

/// x[indices[i]] += values[i], for k of them: what top_k sent, put back.
void add_sparse(std::int64_t k, const std::int32_t* indices, const float* values, float* x);

/// scales[b] = largest magnitude of the block / 127, q = x / scale to nearest, ties to even: no
/// element is off by more than half a scale. A block of zeros has scale 0.
void quantize(const QuantizeShape& shape, const float* x, std::int8_t* q, float* scales);

/// x = scale * q. Overwrites x.
void dequantize(const QuantizeShape& shape, const std::int8_t* q, const float* scales, float* x);

}  // namespace cpu
}  // namespace stepcast
