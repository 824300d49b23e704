// Norms and the residual sums between which they stand.
#include "sim/model/layers/layers.h"

namespace stepcast {

TensorId add_norm(GraphBuilder& graph, const std::string& name, TensorId input) {
  const Model& model = graph.model();
  const std::int64_t tokens = graph.shape().local_tokens(), hidden = model.hidden_size;
  const bool rms = model.norm == Norm::kRmsNorm;
  const TensorId output = graph.activation(name, tokens * hidden);
  Operator op{
      .name = name,
      .inputs = {input},
      .outputs = {output},
      .saved = {input},
      .forward = {graph.streaming(rms ? KernelKind::kRmsNormForward : KernelKind::kLayerNormForward,
                                  tokens, hidden)},
      .backward = {graph.streaming(
          rms ? KernelKind::kRmsNormBackward : KernelKind::kLayerNormBackward, tokens, hidden)},
      .parameters = hidden * (model.norm_bias ? 2 : 1)};
  if (!graph.shape().fused_norm) {
    // Casts to fp32 and back are kernels of their own, and autograd keeps the fp32 copy.
    const Kernel cast = graph.streaming(KernelKind::kCopy, tokens * hidden);
    op.forward.insert(op.forward.end(), {cast, cast});
    op.backward.insert(op.backward.end(), {cast, cast});
    op.outputs.push_back(graph.tensor(name + ".fp32", tokens * hidden, Dtype::kFp32));
    op.saved.push_back(op.outputs.back());
  }
  graph.add(std::move(op));
  return output;
}

TensorId add_residual(GraphBuilder& graph, const std::string& name, TensorId branch,
                      TensorId residual) {
  const std::int64_t elements = graph.shape().local_tokens() * graph.model().hidden_size;
  const TensorId output = graph.activation(name, elements);
  // Without dropout, forward is the plain sum, and backward the sum of the gradients of both uses
  // of the residual stream: about the same traffic.
  Operator op{.name = name,
              .inputs = {branch, residual},
              .outputs = {output},
              .forward = {graph.streaming(KernelKind::kResidualDropoutForward, elements)},
              .backward = {graph.streaming(KernelKind::kResidualDropoutBackward, elements)}};
  if (has_hidden_dropout(graph.model())) {
    op.outputs.push_back(graph.mask(name + ".mask", elements));
    op.saved.push_back(op.outputs.back());
  }
  graph.add(std::move(op));
  return output;
}

}  // namespace stepcast
