#include "sim/lowering/recompute.h"

#include <algorithm>

namespace stepcast {
namespace {

void find_core(const OperatorGraph& graph, Lifetimes& lives) {
  const auto is_core = [](const Operator& op) { return op.attention_core; };
  const auto begin = graph.operators.begin(), end = graph.operators.end();
  const auto first = std::find_if(begin, end, is_core);
  const auto last = std::find_if_not(first, end, is_core);
  lives.core_begin = static_cast<std::uint32_t>(first - begin);
  lives.core_end = static_cast<std::uint32_t>(last - begin);
}

/// Made by the core and read by nobody else's backward pass.
std::vector<bool> private_to_core(const OperatorGraph& graph, const Lifetimes& lives) {
  std::vector<bool> result(graph.tensors.size(), false);
  for (std::uint32_t i = lives.core_begin; i < lives.core_end; ++i)
    for (const TensorId t : graph.operators[i].outputs) result[t] = true;
  for (const Operator& op : graph.operators)
    if (!op.attention_core)
      for (const TensorId t : op.saved) result[t] = false;
  return result;
}

std::vector<bool> kept_tensors(const OperatorGraph& graph, const Lifetimes& lives) {
  std::vector<bool> kept = lives.saved;
  if (lives.recompute == Recompute::kSelective) {
    const std::vector<bool> dropped = private_to_core(graph, lives);
    for (std::size_t t = 0; t < kept.size(); ++t) kept[t] = kept[t] && !dropped[t];
  }
  if (lives.recompute == Recompute::kFull) kept.assign(kept.size(), false);
  if (graph.input != kNoTensor) kept[graph.input] = true;
  return kept;
}

}  // namespace

Lifetimes lifetimes_of(const OperatorGraph& graph, Recompute recompute) {
  const std::size_t count = graph.tensors.size();
  Lifetimes lives{.saved = std::vector<bool>(count, false),
                  .kept = {},
                  .last_reader = std::vector<std::uint32_t>(count, 0),
                  .first_saver = std::vector<std::uint32_t>(count, Lifetimes::kNever),
                  .recompute = recompute};
  for (std::uint32_t i = 0; i < graph.operators.size(); ++i) {
    const Operator& op = graph.operators[i];
    for (const auto* tensors : {&op.inputs, &op.constants, &op.outputs})
      for (const TensorId t : *tensors) lives.last_reader[t] = i;
    if (op.full != kNoTensor) lives.last_reader[op.full] = i;
    for (const TensorId t : op.saved) {
      lives.saved[t] = true;
      lives.first_saver[t] = std::min(lives.first_saver[t], i);
    }
  }
  find_core(graph, lives);
  lives.kept = kept_tensors(graph, lives);
  return lives;
}

}  // namespace stepcast
