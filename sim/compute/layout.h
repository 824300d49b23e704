// Where the elements of an operand lie inside a buffer: a matrix, or a batch of matrices, by offset
// and strides. Everything is counted in elements.
#pragma once

#include <cstdint>

namespace stepcast {

/// Element (r, c) of matrix (i, j) lies at
///   offset + i * outer.stride + (j / repeat) * inner.stride + r * row_stride + c
/// and of a transposed layout at ... + c * row_stride + r. In an activation (tokens, features) that
/// packs the heads of queries, keys and values, i is the sequence, j the head, r the token, c the
/// feature of the head, and row_stride the width of a packed row.
struct Layout {
  struct Batch {
    std::int64_t count = 1;
    std::int64_t stride = 0;
    bool operator==(const Batch&) const = default;
  };

  std::int64_t offset = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_stride = 0;
  Batch outer = {};
  Batch inner = {};
  /// So many matrices of the inner batch share their memory (query heads of one key head). Results
  /// that share memory are summed.
  std::int64_t repeat = 1;
  bool transposed = false;  ///< the memory holds (columns, rows)

  bool operator==(const Layout&) const = default;

  /// A dense matrix.
  static Layout dense(std::int64_t rows, std::int64_t columns, std::int64_t offset = 0) {
    return {.offset = offset, .rows = rows, .columns = columns, .row_stride = columns};
  }
  /// Columns [first, first + columns) of a dense matrix that is `width` wide.
  static Layout columns_of(std::int64_t rows, std::int64_t width, std::int64_t first,
                           std::int64_t columns) {
    return {.offset = first, .rows = rows, .columns = columns, .row_stride = width};
  }

  std::int64_t matrices() const { return outer.count * inner.count; }
  /// Different elements in memory.
  std::int64_t elements() const { return rows * columns * outer.count * (inner.count / repeat); }
  /// One past the last element.
  std::int64_t end() const {
    if (elements() == 0) return offset;
    const std::int64_t lines = transposed ? columns : rows, line = transposed ? rows : columns;
    return offset + (outer.count - 1) * outer.stride + (inner.count / repeat - 1) * inner.stride +
           (lines - 1) * row_stride + line;
  }
  /// One piece without gaps.
  bool contiguous() const { return end() - offset == elements(); }

  /// Columns [first, last) of the rows of the buffer, `pitch` wide, that all matrices together
  /// cover: a third of them for the queries of a packed tensor, also where it has a single row. All
  /// of them where matrices do not lie side by side.
  struct Columns {
    std::int64_t pitch = 0, first = 0, last = 0;
    bool whole() const { return first == 0 && last == pitch; }
  };
  Columns covered() const {
    const std::int64_t line = transposed ? rows : columns;
    const bool side_by_side = inner.count > 1 && inner.stride < row_stride;
    const std::int64_t width =
        side_by_side ? (inner.count / repeat - 1) * inner.stride + line : line;
    if (width >= row_stride) return {.pitch = row_stride, .last = row_stride};
    const std::int64_t first = offset % row_stride;
    return {.pitch = row_stride, .first = first, .last = first + width};
  }
};

}  // namespace stepcast
