// Operands of kernels in one graph instance: tensors and weights become views of buffers.
#include "sim/lowering/graph_pass.h"

namespace stepcast {
namespace {

bool overlap(const Layout::Columns& a, const Layout::Columns& b) {
  return a.pitch != b.pitch || (a.first < b.last && b.first < a.last);
}

}  // namespace

Operand GraphPass::operand(const Operator& op, std::uint32_t index, const OperandRef& ref,
                           const OperandSlot& slot) {
  using enum OperandRef::Source;
  const auto at = [&](BufferId buffer) {
    return Operand{.view = {.buffer = buffer, .layout = ref.layout}, .access = slot.access};
  };
  switch (ref.source) {
    case kNothing:
      return {.view = {}, .access = slot.access};
    case kTensor:
      return at(buffer(ref.id));
    case kGradient:
      // A result that nobody reads has no gradient (BERT's pooler); `full` has a buffer of its own.
      if (slot.access == Access::kRead && ref.id != op.full && !gradient_alive_[ref.id])
        return {.view = {}, .access = slot.access};
      return gradient_operand(ref, slot.access);
    case kWeight: {
      Operand result = at(kNone);
      const View home = at_home(ref.id, &WeightBuffers::parameters);
      result.view.buffer = home.buffer;
      result.view.layout.offset += home.layout.offset;
      return result;
    }
    case kWeightGradient:
      return weight_gradient_operand(op, index, ref);
    case kTokens:
      return at(instance_.shared->tokens);
    case kLabels:
      return at(instance_.shared->labels);
    case kLoss: {
      Operand result = at(instance_.shared->loss);
      result.add = true;
      return result;
    }
  }
  STEPCAST_CHECK(false, "operand source out of range");
}

Operand GraphPass::gradient_operand(const OperandRef& ref, Access access) {
  Operand result{.view = {.buffer = gradient(ref.id), .layout = ref.layout}, .access = access};
  if (access == Access::kRead) return result;
  const Layout::Columns columns = ref.layout.covered();
  for (const auto& [tensor, written] : gradients_written_)
    if (tensor == ref.id && overlap(written, columns)) result.add = true;
  if (!result.add) gradients_written_.emplace_back(ref.id, columns);
  return result;
}

/// Sums over microbatches begin the step at zero; a tensor of its own is written anew.
Operand GraphPass::weight_gradient_operand(const Operator& op, std::uint32_t index,
                                           const OperandRef& ref) {
  Operand result{.view = weight_gradient(op, index, ref.id), .access = Access::kWrite};
  const std::int64_t offset = result.view.layout.offset;
  result.view.layout = ref.layout;
  result.view.layout.offset = offset;
  result.add = !step_.adds_gradients();
  return result;
}

View GraphPass::weight_gradient(const Operator& op, std::uint32_t index, WeightId id) const {
  if (!step_.adds_gradients()) return weight_sum(id);
  if (step_.keeps_half_gradients()) return at_home(id, &WeightBuffers::half_gradients);
  std::int64_t offset = 0;
  for (const WeightId before : op.weights) {
    if (before == id) break;
    offset += weight(before).shape.elements();
  }
  return {.buffer = instance_.shared->weight_gradients[index],
          .layout = Layout::dense(1, weight(id).shape.elements(), offset)};
}

View GraphPass::weight_sum(WeightId id) const { return at_home(id, &WeightBuffers::gradients); }

View GraphPass::at_home(WeightId id, BufferId WeightBuffers::*buffer) const {
  const WeightBuffers& home =
      weight(id).home == WeightHome::kGraph ? instance_.own : instance_.words;
  // A tied tensor is one of two graphs, and alone in its buffer.
  const bool own = weight(id).home == WeightHome::kGraph;
  return {.buffer = home.*buffer,
          .layout =
              Layout::dense(1, weight(id).shape.elements(), own ? home.placement->offsets[id] : 0)};
}

}  // namespace stepcast
