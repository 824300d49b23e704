// From the residual stream to the loss: final norm, BERT's extra heads, logits, cross entropy.
#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

/// BERT's next-sentence head: a dense layer on the first token of each sequence and a classifier
/// with two classes, both whole on every rank. Its loss is not followed further: it is a few
/// numbers.
void add_sentence_head(GraphBuilder& graph, TensorId hidden_states) {
  const std::int64_t hidden = graph.model().hidden_size, batch = graph.shape().batch;
  const Dtype dtype = graph.shape().dtype;
  using enum KernelKind;
  Operator op{.name = "head.pooler", .inputs = {hidden_states}};
  const auto weight = [&](const char* name, std::int64_t rows, std::int64_t columns) {
    op.weights.push_back(graph.weight({.name = name, .shape = {.rows = rows, .columns = columns}}));
  };
  if (graph.model().pooler) {
    weight("head.pooler.weight", hidden, hidden);
    weight("head.pooler.bias", 1, hidden);
  }
  if (graph.model().nsp_head) {
    weight("head.classifier.weight", 2, hidden);
    weight("head.classifier.bias", 1, 2);
  }
  const TensorId pooled = graph.activation("head.pooled", batch * hidden);
  op.outputs = {pooled};
  op.saved = {hidden_states, pooled};
  const Layout first{.rows = batch,
                     .columns = hidden,
                     .row_stride = graph.shape().local_tokens() / batch * hidden};
  const Layout square = Layout::dense(hidden, hidden), out = Layout::dense(batch, hidden);
  OperandRef matrix = absent(), matrix_gradient = absent();
  if (!op.weights.empty()) {
    matrix = graph.held(op.weights.front());
    matrix_gradient = graph.gradient_of_weight(op.weights.front());
    matrix.layout = matrix_gradient.layout = square;
  }
  op.forward = {
      {.kernel = {.kind = kGemmForward, .dtype = dtype, .dims = {batch, hidden, hidden, 1}},
       .operands = {value(hidden_states, first), matrix, absent(), value(pooled, out), absent()}}};
  op.backward = {
      {.kernel = {.kind = kGemmDgrad, .dtype = dtype, .dims = {batch, hidden, hidden, 1}},
       .operands = {gradient(pooled, out), matrix, gradient(hidden_states, first)}}};
  op.wgrad = {{.kernel = {.kind = kGemmWgrad, .dtype = dtype, .dims = {hidden, hidden, batch, 1}},
               .operands = {value(hidden_states, first), gradient(pooled, out), matrix_gradient,
                            absent()}}};
  graph.add(std::move(op));
}

/// BERT's masked-language head before the logits: dense, GELU, norm, whole on every rank.
TensorId add_masked_language_head(GraphBuilder& graph, TensorId input) {
  const std::int64_t hidden = graph.model().hidden_size, tokens = graph.shape().local_tokens();
  const TensorId dense = graph.linear({.name = "head.dense",
                                       .region = Region::kLocal,
                                       .input = input,
                                       .rows = tokens,
                                       .inputs = hidden,
                                       .outputs = hidden,
                                       .bias = true});
  const TensorId activated = graph.activation("head.activation", tokens * hidden);
  const Layout all = Layout::dense(tokens, hidden);
  graph.add({.name = "head.activation",
             .inputs = {dense},
             .outputs = {activated},
             .saved = {dense},
             .forward = {graph.streaming(KernelKind::kGeluForward, tokens * hidden, 0,
                                         {value(dense, all), value(activated, all)})},
             .backward = {graph.streaming(
                 KernelKind::kGeluBackward, tokens * hidden, 0,
                 {value(dense, all), gradient(activated, all), gradient(dense, all)})}});
  return add_norm(graph, "head.norm", activated);
}

/// The cast of the logits as an operator of its own.
TensorId add_cast_to_fp32(GraphBuilder& graph, TensorId logits, std::int64_t elements) {
  const TensorId output = graph.tensor("head.fp32_logits", elements, Dtype::kFp32);
  const Layout all = Layout::dense(1, elements);
  graph.add({.name = "head.cast",
             .inputs = {logits},
             .outputs = {output},
             .forward = {graph.streaming(KernelKind::kCopy, elements, 0,
                                         {value(logits, all), value(output, all)})},
             .backward = {graph.streaming(KernelKind::kCopy, elements, 0,
                                          {gradient(output, all), gradient(logits, all)})}});
  return output;
}

/// BERT's.
WeightId add_vocabulary_bias(GraphBuilder& graph, std::int64_t columns) {
  WeightShape shape{.columns = columns, .initial = Initial::kZeros};
  if (graph.shape().tp > 1) {
    shape.split = SplitAxis::kColumns;
    shape.sections = {columns};
  }
  return graph.weight({.name = "head.vocabulary.bias", .shape = shape});
}

/// The loss works on an fp32 copy of the logits, which becomes the probabilities in place and stays
/// for the backward pass; the logits themselves go when the loss is known. Unfused, the
/// copy is a tensor beside the probabilities: 8 bytes per logit.
/// The statistics are 8 bytes per token, and with a split vocabulary 4 more for each row's maximum,
/// which the product that makes the logits leaves behind (`row_maximum`; kNoTensor: the loss finds
/// it itself).
void add_loss(GraphBuilder& graph, TensorId logits, TensorId row_maximum) {
  const LocalShape& shape = graph.shape();
  const std::int64_t tokens = shape.tokens(), columns = shape.padded_vocab / shape.tp;
  const bool split = shape.tp > 1;
  if (!shape.fused_loss) logits = add_cast_to_fp32(graph, logits, tokens * columns);
  const TensorId probabilities = graph.tensor("head.probabilities", tokens * columns, Dtype::kFp32);
  const TensorId sums = graph.tensor("head.loss.sums", tokens, Dtype::kFp32);
  const TensorId targets = graph.tensor("head.loss.targets", tokens, Dtype::kFp32);
  Operator op{.name = "head.loss",
              .region = split ? Region::kVocabularyLoss : Region::kLocal,
              .inputs = {logits},
              .outputs = {probabilities, sums, targets},
              .saved = {probabilities, sums, targets}};
  if (split) op.constants = {row_maximum};
  OperandRef bias = absent(), bias_gradient = absent();
  if (graph.model().mlm_head) {
    op.weights = {add_vocabulary_bias(graph, columns)};
    bias = graph.held(op.weights.front());
    bias_gradient = graph.gradient_of_weight(op.weights.front());
  }
  const Layout all = Layout::dense(tokens, columns), row = Layout::dense(1, tokens);
  const OperandRef labels{.source = OperandRef::Source::kLabels, .layout = row};
  const OperandRef loss{.source = OperandRef::Source::kLoss, .layout = Layout::dense(1, 1)};
  const KernelArguments arguments{.scale = shape.loss_scale, .words = graph.model().vocab_size};
  op.forward = {
      graph.streaming(KernelKind::kCrossEntropyForward, tokens, columns,
                      {value(logits, all), bias, labels, split ? value(row_maximum, row) : absent(),
                       value(probabilities, all), value(sums, row), value(targets, row)},
                      arguments)};
  op.backward = {graph.streaming(KernelKind::kCrossEntropyBackward, tokens, columns,
                                 {value(probabilities, all), value(sums, row), value(targets, row),
                                  labels, gradient(logits, all), bias_gradient, loss},
                                 arguments)};
  op.forward.front().needs_index = op.backward.front().needs_index = split;
  graph.add(std::move(op));
}

}  // namespace

void add_lm_head(GraphBuilder& graph, TensorId input) {
  const Model& model = graph.model();
  const LocalShape& shape = graph.shape();
  TensorId hidden_states = model.final_norm ? add_norm(graph, "head.final_norm", input) : input;
  if (model.pooler || model.nsp_head) add_sentence_head(graph, hidden_states);
  if (model.mlm_head) hidden_states = add_masked_language_head(graph, hidden_states);
  const bool tied = model.tied_embeddings, split = shape.tp > 1;
  const TensorId logits =
      graph.linear({.name = "head.logits",
                    .region = Region::kColumn,
                    .input = hidden_states,
                    .rows = shape.tokens(),
                    .inputs = model.hidden_size,
                    .outputs = shape.padded_vocab / shape.tp,
                    .bias = false,
                    .home = tied ? WeightHome::kWordEmbedding : WeightHome::kGraph,
                    .weight_name = tied ? "word_embedding.weight" : "",
                    .row_maximum = split});
  add_loss(graph, logits, split ? graph.row_maximum() : kNoTensor);
}

}  // namespace stepcast
