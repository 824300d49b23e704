#include "kernels/cpu/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "kernels/cpu/element.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/tuned_kernels.h"
#include "kernels/cpu/vectorize.h"
#include "sim/base/error.h"

namespace stepcast::cpu {
namespace {

/// Rows of a block are at most this many bytes, so that its epilogue finds it in the second cache.
constexpr std::int64_t kEpilogueBytes = 512 * 1024;
/// Fewer rows would make OpenBLAS pack b again too often.
constexpr std::int64_t kLeastEpilogueRows = 64;

blasint blas_int(std::int64_t value) {
  STEPCAST_CHECK(value >= 0 && value <= std::numeric_limits<blasint>::max(),
                 "a matrix is too large for OpenBLAS");
  return static_cast<blasint>(value);
}

blasint leading(std::int64_t value) { return blas_int(std::max<std::int64_t>(value, 1)); }

std::int64_t begin_of(const BatchStride& stride, std::int64_t outer, std::int64_t inner) {
  return outer * stride.outer + inner / stride.share * stride.inner;
}

/// Calls visit(first of a, first of b, first of c) for the matrices of a batch.
template <typename Visit>
void for_batch(const Gemm& shape, Visit visit) {
  for (std::int64_t outer = 0; outer < shape.outer; ++outer)
    for (std::int64_t inner = 0; inner < shape.inner; ++inner)
      visit(begin_of(shape.a, outer, inner), begin_of(shape.b, outer, inner),
            begin_of(shape.c, outer, inner));
}

/// Calls visit(first, rows) for blocks of rows of the result.
template <typename Visit>
void for_row_blocks(const Gemm& shape, Visit visit) {
  const auto row_bytes = std::max<std::int64_t>(shape.n * 4, 1);
  const std::int64_t block = std::max(kEpilogueBytes / row_bytes, kLeastEpilogueRows);
  for (std::int64_t first = 0; first < shape.m; first += block)
    visit(first, std::min(block, shape.m - first));
}

/// The product of a block of rows of a.
void gemm_rows(const Gemm& shape, std::int64_t first, std::int64_t rows, const float* a,
               const float* b, float* c) {
  Gemm block = shape;
  block.m = rows;
  block.lda = shape.row_a();
  gemm(block, a + first * (shape.transpose_a ? 1 : shape.row_a()), b, c + first * shape.row_c());
}

STEPCAST_VECTORIZED void add_bias(std::int64_t rows, std::int64_t cols, std::int64_t stride,
                                  const float* bias, float* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
#pragma omp simd
    for (std::int64_t c = 0; c < cols; ++c) y[r * stride + c] += bias[c];
  }
}

bool tuned(const Gemm& shape, const Bf16* a, const Bf16* b, Bf16* c) {
  const TunedKernels* const kernels = tuned_kernels();
  return kernels != nullptr && kernels->multiply_to_bf16(shape, a, b, c);
}
bool tuned(const Gemm& shape, const Bf16* a, const Bf16* b, float* c) {
  const TunedKernels* const kernels = tuned_kernels();
  return kernels != nullptr && kernels->multiply_to_fp32(shape, a, b, c);
}
template <typename Result>
bool tuned(const Gemm& /*shape*/, const Fp16* /*a*/, const Fp16* /*b*/, Result* /*c*/) {
  return false;
}

}  // namespace

void gemm(const Gemm& shape, const float* a, const float* b, float* c) {
  for_batch(shape, [&](std::int64_t of_a, std::int64_t of_b, std::int64_t of_c) {
    cblas_sgemm(CblasRowMajor, shape.transpose_a ? CblasTrans : CblasNoTrans,
                shape.transpose_b ? CblasTrans : CblasNoTrans, blas_int(shape.m), blas_int(shape.n),
                blas_int(shape.k), shape.alpha, a + of_a, leading(shape.row_a()), b + of_b,
                leading(shape.row_b()), shape.beta, c + of_c, leading(shape.row_c()));
  });
}

std::int64_t gemm_workspace(const Gemm& shape) {
  return shape.m * shape.k + shape.k * shape.n + shape.m * shape.n;
}

template <typename T, typename Result>
void gemm(const Gemm& shape, const T* a, const T* b, Result* c, float* workspace) {
  if (tuned(shape, a, b, c)) return;
  float* const wide_a = workspace;
  float* const wide_b = wide_a + shape.m * shape.k;
  float* const wide_c = wide_b + shape.k * shape.n;
  const std::int64_t rows_a = shape.transpose_a ? shape.k : shape.m;
  const std::int64_t rows_b = shape.transpose_b ? shape.n : shape.k;
  const Gemm dense{.m = shape.m,
                   .n = shape.n,
                   .k = shape.k,
                   .transpose_a = shape.transpose_a,
                   .transpose_b = shape.transpose_b,
                   .alpha = shape.alpha,
                   .beta = shape.beta};
  for_batch(shape, [&](std::int64_t of_a, std::int64_t of_b, std::int64_t of_c) {
    cast({rows_a, dense.row_a(), shape.row_a(), dense.row_a()}, a + of_a, wide_a);
    cast({rows_b, dense.row_b(), shape.row_b(), dense.row_b()}, b + of_b, wide_b);
    if (shape.beta != 0) cast({shape.m, shape.n, shape.row_c(), shape.n}, c + of_c, wide_c);
    gemm(dense, wide_a, wide_b, wide_c);
    cast({shape.m, shape.n, shape.n, shape.row_c()}, wide_c, c + of_c);
  });
}

void gemm_bias(const Gemm& shape, const float* a, const float* b, const float* bias, float* y) {
  for_row_blocks(shape, [&](std::int64_t first, std::int64_t rows) {
    gemm_rows(shape, first, rows, a, b, y);
    add_bias(rows, shape.n, shape.row_c(), bias, y + first * shape.row_c());
  });
}

void gemm_bias_activation(const Gemm& shape, Activation activation, const float* a, const float* b,
                          const float* bias, float* product, float* y) {
  for_row_blocks(shape, [&](std::int64_t first, std::int64_t rows) {
    gemm_rows(shape, first, rows, a, b, product);
    for (std::int64_t r = first; r < first + rows; ++r)
      activation_forward({.kind = activation, .rows = 1, .cols = shape.n},
                         product + r * shape.row_c(), bias, y + r * shape.row_c());
  });
}

template void gemm(const Gemm&, const Bf16*, const Bf16*, Bf16*, float*);
template void gemm(const Gemm&, const Bf16*, const Bf16*, float*, float*);
template void gemm(const Gemm&, const Fp16*, const Fp16*, Fp16*, float*);
template void gemm(const Gemm&, const Fp16*, const Fp16*, float*, float*);

}  // namespace stepcast::cpu
