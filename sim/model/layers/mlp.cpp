// The feed-forward block: up (and gate), activation, down.
#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

KernelArguments::Function function_of(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return KernelArguments::Function::kGelu;
    case Activation::kRelu:
      return KernelArguments::Function::kRelu;
    case Activation::kSwiglu:
      return KernelArguments::Function::kSilu;
  }
  return {};
}

TensorId add_one_input_activation(GraphBuilder& graph, TensorId up, std::int64_t tokens,
                                  std::int64_t ffn) {
  const std::int64_t elements = tokens * ffn;
  const TensorId output = graph.activation("mlp.activation", elements);
  const Layout all = Layout::dense(tokens, ffn);
  const KernelArguments arguments{.function = function_of(graph.model().activation)};
  Operator op{.name = "mlp.activation",
              .inputs = {up},
              .outputs = {output},
              .saved = {up},
              .forward = {graph.streaming(KernelKind::kGeluForward, elements, 0,
                                          {value(up, all), value(output, all)}, arguments)},
              .backward = {graph.streaming(
                  KernelKind::kGeluBackward, elements, 0,
                  {value(up, all), gradient(output, all), gradient(up, all)}, arguments)}};
  if (!graph.shape().fused_activation && graph.model().linear_bias)  // the bias
    op.forward.insert(op.forward.begin(), graph.streaming(KernelKind::kCopy, elements, 0,
                                                          {value(up, all), value(output, all)}));
  graph.add(std::move(op));
  return output;
}

/// act(gate) * value, the two halves of each row of `up`. Unfused, the activated gate is a tensor
/// of its own and is kept for the product.
TensorId add_gated_activation(GraphBuilder& graph, TensorId up, std::int64_t tokens,
                              std::int64_t ffn) {
  const std::int64_t elements = tokens * ffn;
  const TensorId output = graph.activation("mlp.activation", elements);
  const Layout gate = Layout::columns_of(tokens, 2 * ffn, 0, ffn);
  const Layout factor = Layout::columns_of(tokens, 2 * ffn, ffn, ffn);
  const Layout all = Layout::dense(tokens, ffn);
  const KernelArguments arguments{.function = function_of(graph.model().activation)};
  Operator op{
      .name = "mlp.activation",
      .inputs = {up},
      .outputs = {output},
      .saved = {up},
      .forward = {graph.streaming(KernelKind::kSwigluForward, elements, 0,
                                  {value(up, gate), value(up, factor), value(output, all)},
                                  arguments)},
      .backward = {graph.streaming(KernelKind::kSwigluBackward, elements, 0,
                                   {value(up, gate), value(up, factor), gradient(output, all),
                                    gradient(up, gate), gradient(up, factor)},
                                   arguments)}};
  if (!graph.shape().fused_activation) {
    const TensorId activated = graph.activation("mlp.activated_gate", elements);
    op.outputs.push_back(activated);
    op.saved.push_back(activated);
    op.forward.insert(op.forward.begin(),
                      graph.streaming(KernelKind::kGeluForward, elements, 0,
                                      {value(up, gate), value(activated, all)}, arguments));
    op.backward.push_back(graph.streaming(
        KernelKind::kGeluBackward, elements, 0,
        {value(activated, all), gradient(output, all), gradient(up, gate)}, arguments));
  }
  graph.add(std::move(op));
  return output;
}

}  // namespace

TensorId add_mlp(GraphBuilder& graph, TensorId input) {
  const Model& model = graph.model();
  const std::int64_t tokens = graph.shape().tokens();
  const std::int64_t ffn = model.ffn_hidden_size / graph.shape().tp;
  GraphBuilder::Linear layer{.name = "mlp.up",
                             .region = Region::kColumn,
                             .input = input,
                             .rows = tokens,
                             .inputs = model.hidden_size,
                             .outputs = ffn,
                             .bias = model.linear_bias};
  if (model.gated_mlp) {
    layer.outputs = 2 * ffn;
    layer.sections = {ffn, ffn};
  }
  const TensorId up = graph.linear(layer);
  const TensorId activation = model.gated_mlp ? add_gated_activation(graph, up, tokens, ffn)
                                              : add_one_input_activation(graph, up, tokens, ffn);
  return graph.linear({.name = "mlp.down",
                       .region = Region::kRow,
                       .input = activation,
                       .rows = tokens,
                       .inputs = ffn,
                       .outputs = model.hidden_size,
                       .bias = model.linear_bias,
                       .ends_branch = true});
}

}  // namespace stepcast
