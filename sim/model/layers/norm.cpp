// Norms and the residual sums between which they stand.
#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

/// Casts to fp32 and back are kernels of their own, and autograd keeps the fp32 copy.
void unfuse(GraphBuilder& graph, Operator& op, const Layout& all) {
  const std::int64_t elements = all.elements();
  const TensorId x = op.inputs.front();
  const TensorId copy = graph.tensor(op.name + ".fp32", elements, Dtype::kFp32);
  const KernelCall cast =
      graph.streaming(KernelKind::kCopy, elements, 0, {value(x, all), value(copy, all)});
  const KernelCall cast_back =
      graph.streaming(KernelKind::kCopy, elements, 0, {value(copy, all), gradient(x, all)});
  op.forward.insert(op.forward.end(), {cast, cast});
  op.backward.insert(op.backward.end(), {cast_back, cast_back});
  op.outputs.push_back(copy);
  op.saved.push_back(copy);
}

}  // namespace

TensorId add_norm(GraphBuilder& graph, const std::string& name, TensorId input) {
  const Model& model = graph.model();
  const std::int64_t tokens = graph.shape().local_tokens(), hidden = model.hidden_size;
  const bool rms = model.norm == Norm::kRmsNorm;
  const Layout all = Layout::dense(tokens, hidden);
  const TensorId output = graph.activation(name, tokens * hidden);
  const WeightId weight = graph.local_vector(name + ".weight", hidden, Initial::kOnes);
  OperandRef bias = absent(), bias_gradient = absent();
  Operator op{
      .name = name, .inputs = {input}, .outputs = {output}, .saved = {input}, .weights = {weight}};
  if (model.norm_bias) {
    op.weights.push_back(graph.local_vector(name + ".bias", hidden, Initial::kZeros));
    bias = graph.held(op.weights.back());
    bias_gradient = graph.gradient_of_weight(op.weights.back());
  }
  op.forward = {graph.streaming(rms ? KernelKind::kRmsNormForward : KernelKind::kLayerNormForward,
                                tokens, hidden,
                                {value(input, all), graph.held(weight), bias, value(output, all)})};
  op.backward = {graph.streaming(
      rms ? KernelKind::kRmsNormBackward : KernelKind::kLayerNormBackward, tokens, hidden,
      {value(input, all), graph.held(weight), gradient(output, all), gradient(input, all),
       graph.gradient_of_weight(weight), bias_gradient})};
  if (!graph.shape().fused_norm) unfuse(graph, op, all);
  graph.add(std::move(op));
  return output;
}

TensorId add_residual(GraphBuilder& graph, const std::string& name, TensorId branch,
                      TensorId residual) {
  const std::int64_t tokens = graph.shape().local_tokens(), hidden = graph.model().hidden_size;
  const std::int64_t elements = tokens * hidden;
  const Layout all = Layout::dense(tokens, hidden);
  const TensorId output = graph.activation(name, elements);
  const bool dropout = has_hidden_dropout(graph.model());
  const TensorId mask = dropout ? graph.mask(name + ".mask", elements) : kNoTensor;
  const OperandRef mask_operand = dropout ? value(mask, all) : absent();
  // Without dropout, forward is the plain sum, and backward the sum of the gradients of both uses
  // of the residual stream: about the same traffic.
  Operator op{.name = name, .inputs = {branch, residual}, .outputs = {output}};
  op.forward = {graph.streaming(KernelKind::kResidualDropoutForward, elements, 0,
                                {value(branch, all), graph.take_bias(branch), value(residual, all),
                                 absent(), value(output, all), mask_operand})};
  op.backward = {graph.streaming(KernelKind::kResidualDropoutBackward, elements, 0,
                                 {gradient(output, all), mask_operand, gradient(branch, all),
                                  gradient(residual, all), absent()})};
  if (dropout) {
    op.outputs.push_back(mask);
    op.saved.push_back(mask);
  }
  graph.add(std::move(op));
  return output;
}

}  // namespace stepcast
