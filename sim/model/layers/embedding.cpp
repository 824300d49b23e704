// From token ids to the residual stream. The word embedding is split by rows of the vocabulary: a
// rank looks up what it has, and the sum over the ranks is the embedding.
#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

TensorId add_lookup(GraphBuilder& graph) {
  const Model& model = graph.model();
  const LocalShape& shape = graph.shape();
  const std::int64_t hidden = model.hidden_size;
  const TensorId output = graph.activation("embedding.words", shape.local_tokens() * hidden);
  Operator op{.name = "embedding.words",
              .region = shape.tp > 1 ? Region::kRow : Region::kLocal,
              .outputs = {output},
              .forward = {graph.streaming(KernelKind::kEmbeddingForward, shape.tokens(), hidden)},
              .wgrad = {graph.streaming(KernelKind::kEmbeddingBackward, shape.tokens(), hidden)},
              .parameters = shape.padded_vocab / shape.tp * hidden,
              .home = WeightHome::kWordEmbedding};
  if (shape.splits_sequence())
    op.full = graph.activation("embedding.words.partial", shape.tokens() * hidden);
  graph.add(std::move(op));
  return output;
}

/// Adds position and token-type rows, then dropout; the tables are held by every rank.
TensorId add_positions(GraphBuilder& graph, TensorId words) {
  const Model& model = graph.model();
  const bool learned = model.position_embedding == PositionEmbedding::kLearned;
  const std::int64_t rows = (learned ? model.max_positions : 0) + model.token_types;
  const bool dropout = has_hidden_dropout(model);
  if (rows == 0 && !dropout) return words;
  const std::int64_t elements = graph.shape().local_tokens() * model.hidden_size;
  const TensorId output = graph.activation("embedding.sum", elements);
  Operator op{.name = "embedding.sum",
              .inputs = {words},
              .outputs = {output},
              .forward = {graph.streaming(KernelKind::kResidualDropoutForward, elements)},
              .backward = {graph.streaming(KernelKind::kResidualDropoutBackward, elements)},
              .parameters = rows * model.hidden_size};
  if (dropout) {
    op.outputs.push_back(graph.mask("embedding.mask", elements));
    op.saved = {op.outputs.back()};
  }
  graph.add(std::move(op));
  return output;
}

}  // namespace

TensorId add_embedding(GraphBuilder& graph) {
  const TensorId sum = add_positions(graph, add_lookup(graph));
  return graph.model().embedding_norm ? add_norm(graph, "embedding.norm", sum) : sum;
}

}  // namespace stepcast
