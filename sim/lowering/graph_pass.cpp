#include "sim/lowering/graph_pass.h"

#include <utility>

namespace stepcast {

GraphPass::GraphPass(StageWriter& writer, const Step& step, const TensorEvents& events,
                     const GraphInstance& instance)
    : writer_(writer),
      step_(step),
      events_(events),
      instance_(instance),
      lives_(instance.entry->lives),
      alive_(instance.graph().tensors.size(), false),
      gradient_alive_(instance.graph().tensors.size(), false) {
  if (instance.graph().input != kNoTensor) alive_[instance.graph().input] = true;
}

void GraphPass::forward() {
  writer_.set_origin(Phase::kForward, instance_.layer);
  for (std::uint32_t i = 0; i < instance_.graph().operators.size(); ++i)
    run_forward(i, lives_.kept);
}

void GraphPass::backward() {
  const OperatorGraph& graph = instance_.graph();
  alive_ = lives_.kept;
  if (graph.output != kNoTensor) gradient_alive_[graph.output] = true;
  if (lives_.recompute == Recompute::kFull) run_graph_again();
  writer_.set_origin(Phase::kBackward, instance_.layer);
  for (auto i = static_cast<std::uint32_t>(graph.operators.size()); i-- > 0;) {
    if (lives_.recompute == Recompute::kSelective && i + 1 == lives_.core_end) run_core_again();
    run_backward(i);
  }
}

void GraphPass::run_graph_again() {
  writer_.set_origin(Phase::kRecompute, instance_.layer);
  for (std::uint32_t i = 0; i < instance_.graph().operators.size(); ++i)
    run_forward(i, lives_.saved);
  drop(instance_.graph().output);
}

void GraphPass::run_core_again() {
  writer_.set_origin(Phase::kRecompute, instance_.layer);
  const std::vector<Operator>& operators = instance_.graph().operators;
  for (std::uint32_t i = lives_.core_begin; i < lives_.core_end; ++i) run_forward(i, lives_.saved);
  // The result served the forward pass; its own readers' backward passes are over.
  for (const TensorId t : operators[lives_.core_end - 1].outputs)
    if (lives_.first_saver[t] >= lives_.core_end) drop(t);
  writer_.set_origin(Phase::kBackward, instance_.layer);
}

void GraphPass::run_forward(std::uint32_t index, const std::vector<bool>& keep) {
  const Operator& op = instance_.graph().operators[index];
  region_forward(op, index);
  const auto drop_unless_needed = [&](TensorId t) {
    const bool boundary = t == instance_.graph().input || t == instance_.graph().output;
    if (!boundary && !keep[t] && lives_.last_reader[t] <= index) drop(t);
  };
  for (const TensorId t : op.inputs) drop_unless_needed(t);
  for (const TensorId t : op.constants) drop_unless_needed(t);
  for (const TensorId t : op.outputs) drop_unless_needed(t);
  if (op.full != kNoTensor) drop_unless_needed(op.full);
}

void GraphPass::run_backward(std::uint32_t index) {
  const Operator& op = instance_.graph().operators[index];
  region_backward(op, index);
  drop_gradient(op);
  for (TensorId t = 0; t < alive_.size(); ++t)
    if (lives_.first_saver[t] == index) drop(t);
}

/// Of the gathered or partial tensor of a split sequence (Operator::full) as well.
BufferId GraphPass::gradient(TensorId id) const {
  if (id == instance_.graph().input) return instance_.input_gradient;
  if (id == instance_.graph().output) return instance_.output_gradient;
  return instance_.shared->gradients[id];
}

void GraphPass::make(TensorId id) {
  if (alive_[id]) return;
  alive_[id] = true;
  writer_.alloc(buffer(id));
}

void GraphPass::drop(TensorId id) {
  if (!alive_[id]) return;
  alive_[id] = false;
  writer_.free(buffer(id));
}

void GraphPass::make_gradients(const Operator& op) {
  for (const TensorId t : op.inputs) {
    if (gradient_alive_[t]) continue;
    gradient_alive_[t] = true;
    writer_.alloc(gradient(t));
  }
}

void GraphPass::drop_gradient(const Operator& op) {
  const TensorId result = op.outputs.front();
  if (!gradient_alive_[result]) return;
  gradient_alive_[result] = false;
  writer_.free(gradient(result));
}

void GraphPass::launch(const Operator& op, std::uint32_t index,
                       const std::vector<KernelCall>& calls) {
  bool weights_written = false;
  for (const KernelCall& call : calls) {
    const Signature& signature = signature_of(call.kernel.kind);
    Compute compute{.kernel = call.kernel, .arguments = call.arguments};
    if (call.needs_index) compute.index_in = GroupRole::kTensor;
    compute.operands.reserve(call.operands.size());
    for (std::size_t i = 0; i < call.operands.size(); ++i) {
      const OperandRef& ref = call.operands[i];
      if (ref.source == OperandRef::Source::kWeightGradient && !weights_written) {
        weights_written = true;
        if (has_temporary(index)) writer_.alloc(instance_.shared->weight_gradients[index]);
      }
      compute.operands.push_back(operand(op, index, ref, signature.slot(i)));
    }
    writer_.compute(std::move(compute));
  }
  if (weights_written) add_weight_gradients(op, index);
}

void GraphPass::add_weight_gradients(const Operator& op, std::uint32_t index) {
  if (!step_.adds_gradients()) return;
  const bool same_type = step_.gradient_dtype() == step_.weight_dtype();
  Compute compute{.kernel = {.kind = same_type ? KernelKind::kAddGradient : KernelKind::kAccumulate,
                             .dtype = step_.weight_dtype(),
                             .dims = {instance_.graph().parameters(op)}}};
  for (const WeightId id : op.weights) {
    compute.operands.push_back({.view = weight_gradient(op, index, id), .access = Access::kRead});
    compute.operands.push_back({.view = weight_sum(id), .access = Access::kWrite, .add = true});
  }
  writer_.compute(std::move(compute));
  if (has_temporary(index)) writer_.free(instance_.shared->weight_gradients[index]);
}

}  // namespace stepcast
