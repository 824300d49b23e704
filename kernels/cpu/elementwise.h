// Kernels that only move, add or scale.
#pragma once

#include <cstdint>

namespace stepcast {

/// A block of `rows` by `cols` elements inside wider rows: cuts a tensor along its last dimension,
/// or pastes it together again.
struct CopyShape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t from_stride = 0;  ///< elements from row to row
  std::int64_t to_stride = 0;
};

namespace cpu {

template <typename T>
void copy(const CopyShape& shape, const T* from, T* to);

/// to (cols, rows) = from (rows, cols) transposed, in tiles; to_stride is between rows of `to`.
template <typename T>
void transpose(const CopyShape& shape, const T* from, T* to);

/// to = x in another type, rounded to nearest.
template <typename To, typename From>
void cast(std::int64_t n, const From* x, To* to);

/// The same for a block inside wider rows.
template <typename To, typename From>
void cast(const CopyShape& shape, const From* from, To* to);

/// sum += x.
template <typename T>
void accumulate(std::int64_t n, const T* x, float* sum);

/// y = a + b; y may be either.
template <typename T>
void add(std::int64_t n, const T* a, const T* b, T* y);

/// x *= factor.
template <typename T>
void scale(std::int64_t n, float factor, T* x);

/// Adds the column sums of x (rows, cols), dense, to sums (cols): the gradient of a bias.
template <typename T>
void add_column_sums(std::int64_t rows, std::int64_t cols, const T* x, float* sums);

}  // namespace cpu
}  // namespace stepcast
