// Matrix products, on OpenBLAS: c = alpha * op(a) op(b) + beta * c, all row-major, fp32
// accumulation. One struct says all of it, batches included.
//
// The three products of a linear layer y(T, N) = x(T, K) w(K, N):
//   forward  {.m = T, .n = N, .k = K}                                       gemm(g, x, w, y)
//   dgrad    {.m = T, .n = K, .k = N, .transpose_b = true}                  gemm(g, dy, w, dx)
//   wgrad    {.m = K, .n = N, .k = T, .transpose_a = true, .beta = 1}       gemm(g, x, dy, dw)
// beta = 1 adds, beta = 0 overwrites whatever was there, NaN included.
#pragma once

#include <cstdint>

#include "kernels/cpu/activation.h"

namespace stepcast {

/// Where the matrices of a batch lie: matrix (o, i) begins o * outer + (i / share) * inner elements
/// after the first. Two levels reach the heads (inner) of the sequences (outer) inside a
/// token-major buffer; share > 1 lets a group of query heads read one key head. A result with
/// share > 1 is added to by each of the group: give it beta = 1.
struct BatchStride {
  std::int64_t outer = 0;
  std::int64_t inner = 0;
  std::int64_t share = 1;
};

struct Gemm {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  bool transpose_a = false;  ///< a lies as (k, m)
  bool transpose_b = false;  ///< b lies as (n, k)
  std::int64_t lda = 0;      ///< elements from row to row as it lies; 0: rows follow each other
  std::int64_t ldb = 0;
  std::int64_t ldc = 0;
  float alpha = 1;
  float beta = 0;
  std::int64_t outer = 1;  ///< outer * inner products
  std::int64_t inner = 1;
  BatchStride a{};
  BatchStride b{};
  BatchStride c{};

  std::int64_t row_a() const { return lda ? lda : transpose_a ? m : k; }
  std::int64_t row_b() const { return ldb ? ldb : transpose_b ? k : n; }
  std::int64_t row_c() const { return ldc ? ldc : n; }
};

namespace cpu {

/// c may not overlap a or b. Dimensions of 0 are allowed (k = 0 leaves beta * c).
void gemm(const Gemm& shape, const float* a, const float* b, float* c);

/// The same on 16-bit matrices (T is Bf16 or Fp16, Result is T or float): every matrix of the batch
/// is widened to fp32, multiplied, and rounded once; bf16 ones are multiplied as they are by
/// oneDNN, where that and the core can (tuned_kernels.h). `workspace` holds gemm_workspace(shape)
/// floats.
template <typename T, typename Result>
void gemm(const Gemm& shape, const T* a, const T* b, Result* c, float* workspace);

/// Floats that one a, one b and one c take.
std::int64_t gemm_workspace(const Gemm& shape);

/// y = op(a) op(b) + bias, bias (n). Not for batches; alpha = 1, beta = 0.
void gemm_bias(const Gemm& shape, const float* a, const float* b, const float* bias, float* y);

/// y = activation(op(a) op(b) + bias), row blocks at a time, while they are in cache. `product`
/// (m, n), with rows as far apart as those of y, takes op(a) op(b), which the backward pass of the
/// activation reads; it is not y. Not for batches; alpha = 1, beta = 0.
void gemm_bias_activation(const Gemm& shape, Activation activation, const float* a, const float* b,
                          const float* bias, float* product, float* y);

}  // namespace cpu
}  // namespace stepcast
