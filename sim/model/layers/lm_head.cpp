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
  const std::int64_t pooler = graph.model().pooler ? hidden * hidden + hidden : 0;
  const std::int64_t classifier = graph.model().nsp_head ? 2 * hidden + 2 : 0;
  using enum KernelKind;
  const TensorId pooled = graph.activation("head.pooled", batch * hidden);
  graph.add(
      {.name = "head.pooler",
       .inputs = {hidden_states},
       .outputs = {pooled},
       .saved = {hidden_states, pooled},
       .forward = {{.kind = kGemmForward, .dtype = dtype, .dims = {batch, hidden, hidden, 1}}},
       .backward = {{.kind = kGemmDgrad, .dtype = dtype, .dims = {batch, hidden, hidden, 1}}},
       .wgrad = {{.kind = kGemmWgrad, .dtype = dtype, .dims = {hidden, hidden, batch, 1}}},
       .parameters = pooler + classifier});
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
  graph.add({.name = "head.activation",
             .inputs = {dense},
             .outputs = {activated},
             .saved = {dense},
             .forward = {graph.streaming(KernelKind::kGeluForward, tokens * hidden)},
             .backward = {graph.streaming(KernelKind::kGeluBackward, tokens * hidden)}});
  return add_norm(graph, "head.norm", activated);
}

/// The cast of the logits as an operator of its own.
TensorId add_cast_to_fp32(GraphBuilder& graph, TensorId logits, std::int64_t elements) {
  const TensorId output = graph.tensor("head.fp32_logits", elements, Dtype::kFp32);
  const Kernel cast = graph.streaming(KernelKind::kCopy, elements);
  graph.add({.name = "head.cast",
             .inputs = {logits},
             .outputs = {output},
             .forward = {cast},
             .backward = {cast}});
  return output;
}

/// The loss works on an fp32 copy of the logits, which becomes the probabilities in place and stays
/// for the backward pass; the logits themselves go when the loss is known. Unfused, the
/// copy is a tensor beside the probabilities: 8 bytes per logit.
void add_loss(GraphBuilder& graph, TensorId logits) {
  const LocalShape& shape = graph.shape();
  const std::int64_t tokens = shape.tokens(), columns = shape.padded_vocab / shape.tp;
  const TensorId probabilities = graph.tensor("head.probabilities", tokens * columns, Dtype::kFp32);
  Operator op{.name = "head.loss",
              .region = shape.tp > 1 ? Region::kVocabularyLoss : Region::kLocal,
              .inputs = {logits},
              .outputs = {probabilities},
              .saved = {probabilities},
              .forward = {graph.streaming(KernelKind::kCrossEntropyForward, tokens, columns)},
              .backward = {graph.streaming(KernelKind::kCrossEntropyBackward, tokens, columns)},
              .parameters = graph.model().mlm_head ? columns : 0};  // BERT's vocabulary bias
  if (!shape.fused_loss) op.inputs = {add_cast_to_fp32(graph, logits, tokens * columns)};
  graph.add(std::move(op));
}

}  // namespace

void add_lm_head(GraphBuilder& graph, TensorId input) {
  const Model& model = graph.model();
  const LocalShape& shape = graph.shape();
  TensorId hidden_states = model.final_norm ? add_norm(graph, "head.final_norm", input) : input;
  if (model.pooler || model.nsp_head) add_sentence_head(graph, hidden_states);
  if (model.mlm_head) hidden_states = add_masked_language_head(graph, hidden_states);
  const TensorId logits = graph.linear(
      {.name = "head.logits",
       .region = Region::kColumn,
       .input = hidden_states,
       .rows = shape.tokens(),
       .inputs = model.hidden_size,
       .outputs = shape.padded_vocab / shape.tp,
       .bias = false,
       .home = model.tied_embeddings ? WeightHome::kWordEmbedding : WeightHome::kGraph});
  add_loss(graph, logits);
}

}  // namespace stepcast
