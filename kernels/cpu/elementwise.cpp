#include "kernels/cpu/elementwise.h"

#include <algorithm>

#include "kernels/cpu/element.h"

namespace stepcast::cpu {
namespace {

/// Edge of a transposed tile: one cache line of fp32 is 16, and a tile of each side fits the first
/// cache.
constexpr std::int64_t kTile = 32;

template <typename To, typename From>
STEPCAST_VECTORIZED void cast_all(std::int64_t n, const From* x, To* to) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) store(to[i], widened(x[i]));
}

template <typename T>
STEPCAST_VECTORIZED void accumulate_all(std::int64_t n, const T* x, float* sum) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) sum[i] += widened(x[i]);
}

template <typename T>
STEPCAST_VECTORIZED void add_all(std::int64_t n, const T* a, const T* b, T* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) store(y[i], widened(a[i]) + widened(b[i]));
}

template <typename T>
STEPCAST_VECTORIZED void scale_all(std::int64_t n, float factor, T* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) store(x[i], factor * widened(x[i]));
}

}  // namespace

template <typename T>
void copy(const CopyShape& shape, const T* from, T* to) {
  for (std::int64_t r = 0; r < shape.rows; ++r)
    std::copy_n(from + r * shape.from_stride, shape.cols, to + r * shape.to_stride);
}

template <typename T>
void transpose(const CopyShape& shape, const T* from, T* to) {
  for (std::int64_t row = 0; row < shape.rows; row += kTile)
    for (std::int64_t col = 0; col < shape.cols; col += kTile)
      for (std::int64_t c = col; c < std::min(col + kTile, shape.cols); ++c)
        for (std::int64_t r = row; r < std::min(row + kTile, shape.rows); ++r)
          to[c * shape.to_stride + r] = from[r * shape.from_stride + c];
}

template <typename To, typename From>
void cast(std::int64_t n, const From* x, To* to) {
  cast_all(n, x, to);
}

template <typename To, typename From>
void cast(const CopyShape& shape, const From* from, To* to) {
  for (std::int64_t r = 0; r < shape.rows; ++r)
    cast_all(shape.cols, from + r * shape.from_stride, to + r * shape.to_stride);
}

template <typename T>
void accumulate(std::int64_t n, const T* x, float* sum) {
  accumulate_all(n, x, sum);
}

template <typename T>
void add(std::int64_t n, const T* a, const T* b, T* y) {
  add_all(n, a, b, y);
}

template <typename T>
void scale(std::int64_t n, float factor, T* x) {
  scale_all(n, factor, x);
}

template <typename T>
void add_column_sums(std::int64_t rows, std::int64_t cols, const T* x, float* sums) {
  for (std::int64_t r = 0; r < rows; ++r) accumulate_all(cols, x + r * cols, sums);
}

#define STEPCAST_INSTANTIATE_CAST(To, From)           \
  template void cast(std::int64_t, const From*, To*); \
  template void cast(const CopyShape&, const From*, To*);
STEPCAST_INSTANTIATE_CAST(float, float)
STEPCAST_INSTANTIATE_CAST(float, Bf16)
STEPCAST_INSTANTIATE_CAST(float, Fp16)
STEPCAST_INSTANTIATE_CAST(Bf16, float)
STEPCAST_INSTANTIATE_CAST(Fp16, float)

#define STEPCAST_INSTANTIATE(T)                             \
  template void copy(const CopyShape&, const T*, T*);       \
  template void transpose(const CopyShape&, const T*, T*);  \
  template void accumulate(std::int64_t, const T*, float*); \
  template void add(std::int64_t, const T*, const T*, T*);  \
  template void scale(std::int64_t, float, T*);             \
  template void add_column_sums(std::int64_t, std::int64_t, const T*, float*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
