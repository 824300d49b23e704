// From token ids to the residual stream. The word embedding is split by rows of the vocabulary: a
// rank looks up what it has, and the sum over the ranks is the embedding.
#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

TensorId add_lookup(GraphBuilder& graph) {
  const Model& model = graph.model();
  const LocalShape& shape = graph.shape();
  const std::int64_t hidden = model.hidden_size, tokens = shape.tokens();
  const std::int64_t rows = shape.padded_vocab / shape.tp;
  const bool split = shape.tp > 1;
  const TensorId output = graph.activation("embedding.words", shape.local_tokens() * hidden);
  WeightShape table{.rows = rows, .columns = hidden};
  if (split) {
    table.split = SplitAxis::kRows;
    table.sections = {rows};
  }
  const WeightId words = graph.weight(
      {.name = "word_embedding.weight", .shape = table, .home = WeightHome::kWordEmbedding});
  Operator op{.name = "embedding.words",
              .region = split ? Region::kRow : Region::kLocal,
              .outputs = {output},
              .weights = {words}};
  if (shape.splits_sequence())
    op.full = graph.activation("embedding.words.partial", tokens * hidden);
  const TensorId y = op.full == kNoTensor ? output : op.full;
  const OperandRef ids{.source = OperandRef::Source::kTokens, .layout = Layout::dense(1, tokens)};
  const Layout all = Layout::dense(tokens, hidden);
  op.forward = {graph.streaming(KernelKind::kEmbeddingForward, tokens, hidden,
                                {ids, graph.held(words), value(y, all)})};
  op.wgrad = {graph.streaming(KernelKind::kEmbeddingBackward, tokens, hidden,
                              {ids, gradient(y, all), graph.gradient_of_weight(words)})};
  op.forward.front().needs_index = op.wgrad.front().needs_index = split;
  graph.add(std::move(op));
  return output;
}

/// A table that every rank holds whole.
WeightId add_table(GraphBuilder& graph, std::string name, std::int64_t rows) {
  return graph.weight({.name = std::move(name),
                       .shape = {.rows = rows, .columns = graph.model().hidden_size},
                       .partial_gradient = graph.shape().splits_sequence()});
}

/// Adds position and token-type rows, then dropout.
TensorId add_positions(GraphBuilder& graph, TensorId words) {
  const Model& model = graph.model();
  const bool learned = model.position_embedding == PositionEmbedding::kLearned;
  const bool dropout = has_hidden_dropout(model);
  if (!learned && model.token_types == 0 && !dropout) return words;
  const std::int64_t tokens = graph.shape().local_tokens(), elements = tokens * model.hidden_size;
  const TensorId output = graph.activation("embedding.sum", elements);
  const TensorId mask = dropout ? graph.mask("embedding.mask", elements) : kNoTensor;
  const Layout all = Layout::dense(tokens, model.hidden_size);
  const OperandRef mask_operand = dropout ? value(mask, all) : absent();
  OperandRef table = absent(), table_gradient = absent();
  Operator op{.name = "embedding.sum", .inputs = {words}, .outputs = {output}};
  if (learned) {
    op.weights.push_back(add_table(graph, "position_embedding.weight", model.max_positions));
    table = graph.held(op.weights.back());
    table_gradient = graph.gradient_of_weight(op.weights.back());
  }
  if (model.token_types > 0)
    op.weights.push_back(add_table(graph, "token_type_embedding.weight", model.token_types));
  const KernelArguments arguments{.sequence = graph.shape().seq_len};
  op.forward = {graph.streaming(
      KernelKind::kResidualDropoutForward, elements, 0,
      {value(words, all), absent(), absent(), table, value(output, all), mask_operand}, arguments)};
  op.backward = {graph.streaming(
      KernelKind::kResidualDropoutBackward, elements, 0,
      {gradient(output, all), mask_operand, gradient(words, all), absent(), table_gradient},
      arguments)};
  op.forward.front().needs_index = op.backward.front().needs_index =
      learned && graph.shape().splits_sequence();
  if (dropout) {
    op.outputs.push_back(mask);
    op.saved = {mask};
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
