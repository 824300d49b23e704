#include "kernels/cpu/compression.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/cpu/vectorize.h"

namespace stepcast::cpu {
namespace {

STEPCAST_VECTORIZED float largest_magnitude(std::int64_t n, const float* x) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 0; i < n; ++i) {
    const float magnitude = x[i] < 0 ? -x[i] : x[i];
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

STEPCAST_VECTORIZED void quantize_block(std::int64_t n, float inverse, const float* x,
                                        std::int8_t* q) {
  // Adding 1.5 * 2^23 rounds to a whole number.
  constexpr float kRound = 12582912.0f;
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i)
    q[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(x[i] * inverse + kRound - kRound));
}

STEPCAST_VECTORIZED void dequantize_block(std::int64_t n, float scale, const std::int8_t* q,
                                          float* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) x[i] = scale * static_cast<float>(q[i]);
}

/// Calls visit(block, begin, count).
template <typename Visit>
void for_blocks(const QuantizeShape& shape, Visit visit) {
  for (std::int64_t b = 0; b < shape.blocks(); ++b)
    visit(b, b * shape.block, std::min(shape.block, shape.n - b * shape.block));
}

}  // namespace

void top_k(std::int64_t n, std::int64_t k, const float* x, std::int32_t* indices, float* values,
           std::int32_t* workspace) {
  std::iota(workspace, workspace + n, 0);
  const auto precedes = [x](std::int32_t a, std::int32_t b) {
    const float left = std::abs(x[a]), right = std::abs(x[b]);
    return left > right || (left == right && a < b);
  };
  if (k < n) std::nth_element(workspace, workspace + k, workspace + n, precedes);
  std::sort(workspace, workspace + k);
  for (std::int64_t i = 0; i < k; ++i) {
    indices[i] = workspace[i];
    values[i] = x[workspace[i]];
  }
}

void add_sparse(std::int64_t k, const std::int32_t* indices, const float* values, float* x) {
  for (std::int64_t i = 0; i < k; ++i) x[indices[i]] += values[i];
}

void quantize(const QuantizeShape& shape, const float* x, std::int8_t* q, float* scales) {
  for_blocks(shape, [&](std::int64_t b, std::int64_t begin, std::int64_t count) {
    const float largest = largest_magnitude(count, x + begin);
    scales[b] = largest / 127;
    quantize_block(count, largest > 0 ? 127 / largest : 0, x + begin, q + begin);
  });
}

void dequantize(const QuantizeShape& shape, const std::int8_t* q, const float* scales, float* x) {
  for_blocks(shape, [&](std::int64_t b, std::int64_t begin, std::int64_t count) {
    dequantize_block(count, scales[b], q + begin, x + begin);
  });
}

}  // namespace stepcast::cpu
