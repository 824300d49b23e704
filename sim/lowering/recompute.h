// How long the tensors of a graph live: what the forward pass keeps for the backward pass, under
// each kind of recomputation.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/model/operators.h"
#include "sim/plan/plan.h"

namespace stepcast {

/// Of one graph; vectors by TensorId, operators as indices.
struct Lifetimes {
  static constexpr std::uint32_t kNever = 0xffffffffu;

  std::vector<bool> saved;  ///< some backward pass reads it
  std::vector<bool> kept;  ///< and it stays from the forward pass on; the others are computed again
  std::vector<std::uint32_t> last_reader;  ///< last forward operator that touches it
  std::vector<std::uint32_t> first_saver;  ///< freed after the backward pass of this operator
  Recompute recompute{};
  std::uint32_t core_begin = 0, core_end = 0;  ///< operators of the attention core
};

/// kSelective (Korthikanti et al. 2022, section 5) drops what the attention core keeps for itself
/// alone; kFull drops all but the graph's input.
Lifetimes lifetimes_of(const OperatorGraph& graph, Recompute recompute);

}  // namespace stepcast
