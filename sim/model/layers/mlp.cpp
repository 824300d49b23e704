// The feed-forward block: up (and gate), activation, down.
#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

TensorId add_one_input_activation(GraphBuilder& graph, TensorId up, std::int64_t elements) {
  const TensorId output = graph.activation("mlp.activation", elements);
  Operator op{.name = "mlp.activation",
              .inputs = {up},
              .outputs = {output},
              .saved = {up},
              .forward = {graph.streaming(KernelKind::kGeluForward, elements)},
              .backward = {graph.streaming(KernelKind::kGeluBackward, elements)}};
  if (!graph.shape().fused_activation && graph.model().linear_bias)
    op.forward.insert(op.forward.begin(), graph.streaming(KernelKind::kCopy, elements));  // bias
  graph.add(std::move(op));
  return output;
}

/// act(gate) * value. Unfused, the activated gate is a tensor of its own and is kept for the
/// product.
TensorId add_gated_activation(GraphBuilder& graph, TensorId up, std::int64_t elements) {
  const TensorId output = graph.activation("mlp.activation", elements);
  Operator op{.name = "mlp.activation",
              .inputs = {up},
              .outputs = {output},
              .saved = {up},
              .forward = {graph.streaming(KernelKind::kSwigluForward, elements)},
              .backward = {graph.streaming(KernelKind::kSwigluBackward, elements)}};
  if (!graph.shape().fused_activation) {
    op.outputs.push_back(graph.activation("mlp.activated_gate", elements));
    op.saved.push_back(op.outputs.back());
    op.forward.insert(op.forward.begin(), graph.streaming(KernelKind::kGeluForward, elements));
    op.backward.push_back(graph.streaming(KernelKind::kGeluBackward, elements));
  }
  graph.add(std::move(op));
  return output;
}

}  // namespace

TensorId add_mlp(GraphBuilder& graph, TensorId input) {
  const Model& model = graph.model();
  const std::int64_t tokens = graph.shape().tokens();
  const std::int64_t ffn = model.ffn_hidden_size / graph.shape().tp;
  const TensorId up = graph.linear({.name = "mlp.up",
                                    .region = Region::kColumn,
                                    .input = input,
                                    .rows = tokens,
                                    .inputs = model.hidden_size,
                                    .outputs = model.gated_mlp ? 2 * ffn : ffn,
                                    .bias = model.linear_bias});
  const TensorId activation = model.gated_mlp ? add_gated_activation(graph, up, tokens * ffn)
                                              : add_one_input_activation(graph, up, tokens * ffn);
  return graph.linear({.name = "mlp.down",
                       .region = Region::kRow,
                       .input = activation,
                       .rows = tokens,
                       .inputs = ffn,
                       .outputs = model.hidden_size,
                       .bias = model.linear_bias});
}

}  // namespace stepcast
