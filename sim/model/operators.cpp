#include "sim/model/operators.h"

#include "sim/model/layers/layers.h"

namespace stepcast {

std::int64_t OperatorGraph::parameters(WeightHome home) const {
  std::int64_t sum = 0;
  for (const Weight& weight : weights)
    if (weight.home == home) sum += weight.shape.elements();
  return sum;
}

std::int64_t OperatorGraph::parameters(const Operator& op) const {
  std::int64_t sum = 0;
  for (const WeightId id : op.weights) sum += weights[id].shape.elements();
  return sum;
}

OperatorGraph embedding_graph(const Model& model, const LocalShape& shape) {
  GraphBuilder graph("embedding", model, shape);
  return std::move(graph).finish(add_embedding(graph));
}

OperatorGraph layer_graph(const Model& model, const LocalShape& shape) {
  GraphBuilder graph("layer", model, shape);
  const TensorId input = graph.begin_with_input();
  const TensorId attention = add_attention(graph, add_norm(graph, "attention.norm", input));
  const TensorId middle = add_residual(graph, "attention.residual", attention, input);
  const TensorId mlp = add_mlp(graph, add_norm(graph, "mlp.norm", middle));
  return std::move(graph).finish(add_residual(graph, "mlp.residual", mlp, middle));
}

OperatorGraph head_graph(const Model& model, const LocalShape& shape) {
  GraphBuilder graph("head", model, shape);
  add_lm_head(graph, graph.begin_with_input());
  return std::move(graph).finish(kNoTensor);
}

std::int64_t padded_vocabulary(std::int64_t vocab_size, std::int64_t divisor, std::int64_t tp) {
  const std::int64_t multiple = divisor * tp;
  return (vocab_size + multiple - 1) / multiple * multiple;
}

bool has_hidden_dropout(const Model& model) { return model.norm == Norm::kLayerNorm; }

}  // namespace stepcast
