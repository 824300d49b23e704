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
  region_forward(op);
  const auto drop_unless_needed = [&](TensorId t) {
    const bool boundary = t == instance_.graph().input || t == instance_.graph().output;
    if (!boundary && !keep[t] && lives_.last_reader[t] <= index) drop(t);
  };
  for (const TensorId t : op.inputs) drop_unless_needed(t);
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

BufferId GraphPass::gradient(TensorId id) const {
  if (id == instance_.graph().input) return instance_.input_gradient;
  if (id == instance_.graph().output) return instance_.output_gradient;
  return instance_.shared->gradients[id];
}

std::vector<BufferId> GraphPass::buffers(const std::vector<TensorId>& ids) const {
  std::vector<BufferId> result;
  result.reserve(ids.size() + 2);
  for (const TensorId id : ids) result.push_back(buffer(id));
  return result;
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

void GraphPass::forward_kernels(const Operator& op, std::vector<BufferId> inputs,
                                const std::vector<BufferId>& outputs) {
  if (op.parameters > 0) inputs.push_back(weights(op).parameters);
  for (const Kernel& kernel : op.forward) writer_.compute(kernel, inputs, outputs);
}

void GraphPass::backward_kernels(const Operator& op, std::uint32_t index, BufferId from,
                                 const std::vector<BufferId>& to) {
  std::vector<BufferId> reads, writes = to;
  const bool product = !op.wgrad.empty();  // its input gradient reads the weight and nothing saved
  if (!product) reads = buffers(op.saved);
  if (from != kNone) reads.push_back(from);
  if (op.parameters > 0) reads.push_back(weights(op).parameters);
  const bool has_weight_gradient = !product && op.parameters > 0;
  const BufferId weight = has_weight_gradient ? begin_weight_gradient(op, index) : kNone;
  if (has_weight_gradient) writes.push_back(weight);
  for (const Kernel& kernel : op.backward) writer_.compute(kernel, reads, writes);
  if (has_weight_gradient) end_weight_gradient(op, index, weight);
}

void GraphPass::weight_kernels(const Operator& op, std::uint32_t index, BufferId from,
                               std::vector<BufferId> saved) {
  if (op.wgrad.empty()) return;
  if (from != kNone) saved.push_back(from);
  const BufferId weight = begin_weight_gradient(op, index);
  for (const Kernel& kernel : op.wgrad) writer_.compute(kernel, saved, {weight});
  end_weight_gradient(op, index, weight);
}

BufferId GraphPass::begin_weight_gradient(const Operator& op, std::uint32_t index) {
  if (!step_.adds_gradients()) return weights(op).gradients;
  if (weights(op).half_gradients != kNone) return weights(op).half_gradients;
  const BufferId temporary = instance_.shared->weight_gradients[index];
  writer_.alloc(temporary);
  return temporary;
}

void GraphPass::end_weight_gradient(const Operator& op, std::uint32_t index, BufferId written) {
  if (!step_.adds_gradients()) return;
  const bool same_type = step_.gradient_dtype() == step_.weight_dtype();
  writer_.compute({.kind = same_type ? KernelKind::kAddGradient : KernelKind::kAccumulate,
                   .dtype = step_.weight_dtype(),
                   .dims = {op.parameters}},
                  {written}, {weights(op).gradients});
  if (written == instance_.shared->weight_gradients[index]) writer_.free(written);
}

}  // namespace stepcast
