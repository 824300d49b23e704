#include "kernels/reference/gemm.h"

namespace stepcast::reference {
namespace {

std::int64_t begin_of(const BatchStride& stride, std::int64_t outer, std::int64_t inner) {
  return outer * stride.outer + inner / stride.share * stride.inner;
}

template <typename T>
void gemm_one(const Gemm& shape, const T* a, const T* b, T* c) {
  for (std::int64_t i = 0; i < shape.m; ++i)
    for (std::int64_t j = 0; j < shape.n; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < shape.k; ++l) {
        const T x = shape.transpose_a ? a[l * shape.row_a() + i] : a[i * shape.row_a() + l];
        const T y = shape.transpose_b ? b[j * shape.row_b() + l] : b[l * shape.row_b() + j];
        sum += static_cast<double>(x) * static_cast<double>(y);
      }
      T& result = c[i * shape.row_c() + j];
      const double before = shape.beta == 0 ? 0 : shape.beta * static_cast<double>(result);
      result = static_cast<T>(shape.alpha * sum + before);
    }
}

}  // namespace

template <typename T>
void gemm(const Gemm& shape, const T* a, const T* b, T* c) {
  for (std::int64_t outer = 0; outer < shape.outer; ++outer)
    for (std::int64_t inner = 0; inner < shape.inner; ++inner)
      gemm_one(shape, a + begin_of(shape.a, outer, inner), b + begin_of(shape.b, outer, inner),
               c + begin_of(shape.c, outer, inner));
}

template void gemm(const Gemm&, const float*, const float*, float*);
template void gemm(const Gemm&, const double*, const double*, double*);

}  // namespace stepcast::reference
