// The end of a transformer sublayer: y = residual + dropout(x + bias).
//
// Whether an element is dropped depends on the seed and on where the element lies in the whole,
// unsharded tensor, and on nothing else. So the mask is never stored: backward draws it again; and
// tensor-parallel, sequence-parallel and single ranks drop the same elements.
#pragma once

#include <cstdint>

namespace stepcast {

/// A draw per element by Philox-4x32-10 [Salmon et al. 2011, Parallel Random Numbers: As Easy as 1,
/// 2, 3], counter = element index / 4, key = seed. One seed per layer, step and place of use.
struct Dropout {
  double probability = 0;  ///< in [0, 1); what is kept is scaled by 1 / (1 - probability)
  std::uint64_t seed = 0;
};

/// The share of a rank, (rows, cols), dense, of a global matrix of width global_cols. Rows come in
/// blocks of rows_per_block (0: one block): local row r is global row first_row +
/// (r / rows_per_block) * block_stride + r % rows_per_block. Sequence-parallel ranks hold S / tp
/// tokens of each sequence: rows_per_block = S / tp, block_stride = S, first_row = rank * S / tp.
struct DropoutShape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t rows_per_block = 0;
  std::int64_t block_stride = 0;
  std::int64_t first_row = 0;
  std::int64_t first_col = 0;
  std::int64_t global_cols = 0;  ///< 0: cols

  /// Index of element (r, 0) in the global matrix.
  std::uint64_t index_of_row(std::int64_t r) const;
};

/// Random words of a counter and key: the generator itself, for tests and other users.
void philox(std::uint64_t counter, std::uint64_t key, std::uint32_t words[4]);

/// The element is kept when its word is not below this.
std::uint32_t dropout_threshold(double probability);

namespace cpu {

/// bias (cols) and residual (rows, cols) may be null; y may be x or residual.
template <typename T>
void residual_dropout_forward(const DropoutShape& shape, const Dropout& dropout, const T* x,
                              const T* bias, const T* residual, T* y);

/// dx = dy where the element was kept, scaled as it was, else 0; overwrites; dx may be dy. Adds the
/// column sums of dx to dbias, unless it is null. The gradient of the residual is dy itself.
template <typename T>
void residual_dropout_backward(const DropoutShape& shape, const Dropout& dropout, const T* dy,
                               T* dx, float* dbias);

}  // namespace cpu
}  // namespace stepcast
