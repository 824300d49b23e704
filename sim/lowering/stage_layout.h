// Which part of the model each pipeline stage holds.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/model/model.h"
#include "sim/plan/plan.h"

namespace stepcast {

/// A contiguous part of the model.
struct Chunk {
  std::int64_t first_layer = 0;
  std::int64_t num_layers = 0;
  bool embedding = false;  ///< starts with the embedding
  bool head = false;       ///< ends with the head
};

/// The model in pp * virtual_stages parts, in order; part c * pp + s is chunk c of stage s. Layers
/// are shared out as `balance` says. Throws Error(kUnsupported) when the layers don't divide as the
/// rule wants.
std::vector<Chunk> cut_model(const Model& model, const Plan& plan, StageBalance balance);

}  // namespace stepcast
