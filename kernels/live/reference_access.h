// Elements of operands by row and column, for launchers of plain loops. 16-bit ones are widened
// when they are read and rounded when they are written.
#pragma once

#include "kernels/live/launch.h"

namespace stepcast {

/// How many elements (row, column) of a matrix of the batch lies behind the operand's first.
inline std::int64_t element_at(const Layout& layout, std::int64_t matrix, std::int64_t row,
                               std::int64_t column) {
  const std::int64_t outer = matrix / layout.inner.count;
  const std::int64_t inner = matrix % layout.inner.count / layout.repeat;
  const std::int64_t line = layout.transposed ? column : row;
  return outer * layout.outer.stride + inner * layout.inner.stride + line * layout.row_stride +
         (layout.transposed ? row : column);
}

/// Of an operand in bf16 or fp16.
double read_half(const LiveOperand& operand, std::int64_t at);
void write_half(const LiveOperand& operand, std::int64_t at, double value);

/// The element at that distance from the operand's first.
inline double read(const LiveOperand& operand, std::int64_t at) {
  if (size_of(operand.dtype) != 4) return read_half(operand, at);
  return operand.floats()[at];
}
inline void write(const LiveOperand& operand, std::int64_t at, double value) {
  if (size_of(operand.dtype) != 4) return write_half(operand, at, value);
  operand.floats()[at] = static_cast<float>(value);
}

/// By matrix of the batch, row and column; without a matrix the first one.
inline double get(const LiveOperand& operand, std::int64_t matrix, std::int64_t row,
                  std::int64_t column) {
  return read(operand, element_at(operand.layout, matrix, row, column));
}
inline double get(const LiveOperand& operand, std::int64_t row, std::int64_t column) {
  return get(operand, 0, row, column);
}

/// Heads that share a key head add up their results.
inline void put(const LiveOperand& operand, std::int64_t matrix, std::int64_t row,
                std::int64_t column, double value) {
  const std::int64_t at = element_at(operand.layout, matrix, row, column);
  const bool add = operand.add || matrix % operand.layout.repeat != 0;
  write(operand, at, add ? read(operand, at) + value : value);
}
inline void put(const LiveOperand& operand, std::int64_t row, std::int64_t column, double value) {
  put(operand, 0, row, column, value);
}

/// Before a kernel adds up its result row by row: zeros, unless it adds to what is there.
inline void clear(const LiveOperand& dense) {
  for (std::int64_t i = 0; !dense.add && i < dense.layout.elements(); ++i) write(dense, i, 0);
}

}  // namespace stepcast
