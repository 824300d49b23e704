// Table lookup and its gradient on a GPU: kernels/cpu/embedding.h says what they compute. T is
// float, Bf16 or Fp16.
#pragma once

#include "kernels/cpu/embedding.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

/// Row t of y is row ids[t] of the table, or zeros when another rank holds it. With `add`, adds to
/// y instead.
template <typename T>
void embedding_forward(const EmbeddingShape& shape, const std::int32_t* ids, const T* table, T* y,
                       bool add, DeviceContext& context);

/// Adds row t of dy to row ids[t] of dtable, in the order of tokens, without atomics: the first
/// token of an id sums all tokens of that id. Looking for them takes tokens^2 / 2 comparisons in
/// the worst case, of ids that stay in the second cache: beside rows of 1,000 elements and more
/// that is little up to some 100,000 tokens.
template <typename T>
void embedding_backward(const EmbeddingShape& shape, const std::int32_t* ids, const T* dy,
                        float* dtable, DeviceContext& context);

/// y = rows [first_row, ...) of a table that repeats: row r of dtable (period, width) gets the sum
/// over rows r, r + period, ... of dy, shifted by first_row: the gradient of learned positions.
/// Always adds.
template <typename T>
void add_repeated_rows(std::int64_t rows, std::int64_t width, std::int64_t first_row,
                       std::int64_t period, const T* dy, float* dtable, DeviceContext& context);

/// y (rows, width) += row (first_row + r) % period of the table: learned positions.
template <typename T>
void add_positions(std::int64_t rows, std::int64_t width, std::int64_t first_row,
                   std::int64_t period, const T* table, T* y, DeviceContext& context);

}  // namespace stepcast::cuda
