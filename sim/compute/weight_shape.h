// What a weight tensor looks like on one rank. Operators state it, programs carry it.
#pragma once

#include <cstdint>
#include <vector>

namespace stepcast {

/// How a weight is filled before the first step.
enum class Initial : std::uint8_t {
  kZeros,
  kOnes,
  kNormal,  ///< with standard deviation WeightShape::deviation
};

/// The axis along which tensor-parallel ranks hold different parts, in the order of their index.
enum class SplitAxis : std::uint8_t {
  kWhole,  ///< every rank holds all
  kRows,
  kColumns,
};

/// One rank's shard, row-major; a vector has one row, and is split by columns.
struct WeightShape {
  std::int64_t rows = 1;
  std::int64_t columns = 0;
  SplitAxis split = SplitAxis::kWhole;
  /// Lengths of this rank's shard along the split axis, where sections are split each on its own:
  /// queries, keys and values. Their sum is the shard's length; empty when whole.
  std::vector<std::int64_t> sections = {};
  Initial initial = Initial::kNormal;
  /// Radford et al. 2019 (GPT-2): 0.02, and that over sqrt(2 layers) where a layer writes to the
  /// residual stream.
  double deviation = 0.02;

  std::int64_t elements() const { return rows * columns; }
};

}  // namespace stepcast
