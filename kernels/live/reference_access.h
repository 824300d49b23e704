// Elements of operands by row and column, for launchers of plain loops.
#pragma once

#include <algorithm>

#include "kernels/live/launch.h"

namespace stepcast {

inline std::int64_t element_at(const Layout& layout, std::int64_t matrix, std::int64_t row,
                               std::int64_t column) {
  const std::int64_t outer = matrix / layout.inner.count;
  const std::int64_t inner = matrix % layout.inner.count / layout.repeat;
  const std::int64_t line = layout.transposed ? column : row;
  return outer * layout.outer.stride + inner * layout.inner.stride + line * layout.row_stride +
         (layout.transposed ? row : column);
}

inline double get(const LiveOperand& operand, std::int64_t matrix, std::int64_t row,
                  std::int64_t column) {
  return operand.floats()[element_at(operand.layout, matrix, row, column)];
}
inline double get(const LiveOperand& operand, std::int64_t row, std::int64_t column) {
  return get(operand, 0, row, column);
}

/// Heads that share a key head add up their results.
inline void put(const LiveOperand& operand, std::int64_t matrix, std::int64_t row,
                std::int64_t column, double value) {
  float& element = operand.floats()[element_at(operand.layout, matrix, row, column)];
  const bool add = operand.add || matrix % operand.layout.repeat != 0;
  element = static_cast<float>(add ? element + value : value);
}
inline void put(const LiveOperand& operand, std::int64_t row, std::int64_t column, double value) {
  put(operand, 0, row, column, value);
}

/// Before a kernel adds up its result row by row: zeros, unless it adds to what is there.
inline void clear(const LiveOperand& dense) {
  if (!dense.add) std::fill_n(dense.floats(), dense.layout.elements(), 0.F);
}

}  // namespace stepcast
