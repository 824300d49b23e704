// Where the weights of a graph lie in their buffer. Weights that are treated alike lie together, so
// that shards, reductions and norms work on a few long runs instead of many tensors.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/lowering/step.h"

namespace stepcast {

/// A stretch of a buffer of weights, and of their gradients.
struct WeightRun {
  std::int64_t offset = 0;
  std::int64_t count = 0;  ///< elements; under ZeRO-1 padded to a multiple of dp
  bool whole = false;      ///< tensor-parallel ranks hold the same
  bool partial = false;    ///< each of them has a part of the gradient's sum
};

struct WeightPlacement {
  std::vector<std::int64_t> offsets;  ///< by WeightId; of those that live here
  std::vector<WeightRun> runs;        ///< one after the other, without gaps
  std::int64_t size = 0;              ///< elements, with padding
};

/// The weights of `graph` that live in `home`.
WeightPlacement place_weights(const OperatorGraph& graph, WeightHome home, const Step& step);

}  // namespace stepcast
