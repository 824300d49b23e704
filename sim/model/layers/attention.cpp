// Self-attention: projections and the core between them, either one fused kernel or scores, softmax
// and values written to memory.
#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

/// Heads of this rank, and where they lie. With fewer key heads than ranks, ranks hold copies of
/// them. A row of a packed tensor holds the queries of all heads, then the keys, then the values.
struct Heads {
  explicit Heads(const GraphBuilder& graph)
      : query(graph.model().num_heads / graph.shape().tp),
        key(std::max<std::int64_t>(1, graph.model().num_kv_heads / graph.shape().tp)),
        dim(graph.model().head_dim),
        batch(graph.shape().batch),
        tokens(graph.shape().seq_len) {}
  std::int64_t query, key, dim, batch, tokens;

  std::int64_t projection() const { return (query + 2 * key) * dim; }
  std::int64_t score_elements() const { return batch * query * tokens * tokens; }
  float scale() const { return 1 / std::sqrt(static_cast<float>(dim)); }

  /// (tokens, dim) for each sequence and query head, `width` features from one token to the next.
  Layout per_head(std::int64_t first, std::int64_t width, std::int64_t heads) const {
    return {.offset = first,
            .rows = tokens,
            .columns = dim,
            .row_stride = width,
            .outer = {.count = batch, .stride = tokens * width},
            .inner = {.count = query, .stride = dim},
            .repeat = query / heads};
  }
  Layout q() const { return per_head(0, projection(), query); }
  Layout k() const { return per_head(query * dim, projection(), key); }
  Layout v() const { return per_head((query + key) * dim, projection(), key); }
  Layout context() const { return per_head(0, query * dim, query); }
  /// (tokens, tokens) for each sequence and query head.
  Layout scores() const {
    return {.rows = tokens,
            .columns = tokens,
            .row_stride = tokens,
            .outer = {.count = batch, .stride = query * tokens * tokens},
            .inner = {.count = query, .stride = tokens * tokens}};
  }
  /// The same memory as rows of scores.
  Layout score_rows() const { return Layout::dense(batch * query * tokens, tokens); }
};

Layout transposed(Layout layout) {
  std::swap(layout.rows, layout.columns);
  layout.transposed = true;
  return layout;
}

/// A transpose of `input` that autograd need not keep. With strides nothing has to move: it is a
/// copy.
TensorId add_copy(GraphBuilder& graph, const std::string& name, TensorId input,
                  std::int64_t elements) {
  const TensorId output = graph.activation(name, elements);
  const Layout all = Layout::dense(1, elements);
  graph.add({.name = name,
             .inputs = {input},
             .outputs = {output},
             .forward = {graph.streaming(KernelKind::kCopy, elements, 0,
                                         {value(input, all), value(output, all)})},
             .backward = {graph.streaming(KernelKind::kCopy, elements, 0,
                                          {gradient(output, all), gradient(input, all)})}});
  return output;
}

/// Rotates queries and keys into a new tensor, values go along. The projection stays alive beside
/// it: autograd holds views of it.
TensorId add_rotary(GraphBuilder& graph, TensorId qkv, const Heads& heads) {
  const std::int64_t tokens = graph.shape().tokens();
  const std::int64_t columns = (heads.query + heads.key) * heads.dim;
  const Layout all = Layout::dense(tokens, heads.projection());
  const KernelArguments arguments{
      .sequence = heads.tokens, .head_dim = heads.dim, .rotated = columns};
  const TensorId output = graph.activation("attention.rotary", tokens * heads.projection());
  graph.add(
      {.name = "attention.rotary",
       .inputs = {qkv},
       .outputs = {output},
       .saved = {qkv},
       .forward = {graph.streaming(KernelKind::kRotaryForward, tokens * columns, 0,
                                   {value(qkv, all), value(output, all)}, arguments)},
       .backward = {graph.streaming(KernelKind::kRotaryBackward, tokens * columns, 0,
                                    {gradient(output, all), gradient(qkv, all)}, arguments)}});
  return output;
}

/// Dao 2023 (FlashAttention-2): keeps q, k, v, the result and one log-sum per query and head.
TensorId add_fused_core(GraphBuilder& graph, TensorId qkv, const Heads& heads) {
  const LocalShape& shape = graph.shape();
  const TensorId context =
      graph.activation("attention.context", shape.tokens() * heads.query * heads.dim);
  const TensorId log_sum =
      graph.tensor("attention.log_sum", shape.tokens() * heads.query, Dtype::kFp32);
  const Layout sums = Layout::dense(heads.batch * heads.query, heads.tokens);
  Kernel kernel{
      .kind = KernelKind::kFlashAttentionForward,
      .dtype = shape.storage(),
      .causal = graph.model().causal,
      .dims = {shape.batch, heads.query, heads.key, shape.seq_len, shape.seq_len, heads.dim}};
  const KernelArguments arguments{.scale = heads.scale()};
  Operator op{.name = "attention.core",
              .inputs = {qkv},
              .outputs = {context, log_sum},
              .saved = {qkv, context, log_sum},
              .attention_core = true};
  op.forward = {{.kernel = kernel,
                 .operands = {value(qkv, heads.q()), value(qkv, heads.k()), value(qkv, heads.v()),
                              value(context, heads.context()), value(log_sum, sums)},
                 .arguments = arguments}};
  kernel.kind = KernelKind::kFlashAttentionBackward;
  op.backward = {{.kernel = kernel,
                  .operands = {value(qkv, heads.q()), value(qkv, heads.k()), value(qkv, heads.v()),
                               value(context, heads.context()), value(log_sum, sums),
                               gradient(context, heads.context()), gradient(qkv, heads.q()),
                               gradient(qkv, heads.k()), gradient(qkv, heads.v())},
                  .arguments = arguments}};
  graph.add(std::move(op));
  return context;
}

/// result (S, n) = a (S, k) b (k, n) for every sequence and head.
KernelCall batched(const GraphBuilder& graph, KernelKind kind, const OperandRef& a,
                   const OperandRef& b, const OperandRef& result) {
  const LocalShape& shape = graph.shape();
  return {.kernel = {.kind = kind,
                     .dtype = shape.storage(),
                     .dims = {a.layout.rows, b.layout.columns, a.layout.columns,
                              result.layout.matrices()}},
          .operands = {a, b, result}};
}

TensorId add_softmax(GraphBuilder& graph, TensorId scores, const Heads& heads) {
  const std::int64_t elements = heads.score_elements();
  const Layout rows = heads.score_rows();
  const TensorId probabilities = graph.activation("attention.probabilities", elements);
  TensorId result = probabilities;
  OperandRef mask_operand = absent(), dropped = absent();
  Operator op{.name = "attention.softmax",
              .inputs = {scores},
              .outputs = {probabilities},
              .saved = {probabilities},
              .attention_core = true};
  if (graph.shape().attention_dropout) {
    result = graph.activation("attention.dropped", elements);
    const TensorId mask = graph.mask("attention.mask", elements);
    op.outputs = {result, probabilities, mask};
    op.saved = {probabilities, mask};
    mask_operand = value(mask, rows);
    dropped = value(result, rows);
  }
  const KernelArguments arguments{
      .scale = heads.scale(), .sequence = heads.tokens, .causal = graph.model().causal};
  op.forward = {graph.streaming(
      KernelKind::kScoreSoftmaxForward, elements, 0,
      {value(scores, rows), value(probabilities, rows), mask_operand, dropped}, arguments)};
  op.backward = {graph.streaming(
      KernelKind::kScoreSoftmaxBackward, elements, 0,
      {value(probabilities, rows), mask_operand, gradient(result, rows), gradient(scores, rows)},
      arguments)};
  graph.add(std::move(op));
  return result;
}

/// Scores q k', softmax, values p v, each through memory.
TensorId add_unfused_core(GraphBuilder& graph, TensorId qkv, const Heads& heads) {
  using enum KernelKind;
  const TensorId scores = graph.activation("attention.scores", heads.score_elements());
  const Layout square = heads.scores();
  const OperandRef ds = gradient(scores, square);
  graph.add({.name = "attention.scores",
             .inputs = {qkv},
             .outputs = {scores},
             .saved = {qkv},
             .forward = {batched(graph, kBatchedGemmForward, value(qkv, heads.q()),
                                 value(qkv, transposed(heads.k())), value(scores, square))},
             .backward = {batched(graph, kBatchedGemmBackward, ds, value(qkv, heads.k()),
                                  gradient(qkv, heads.q())),
                          batched(graph, kBatchedGemmBackward, gradient(scores, transposed(square)),
                                  value(qkv, heads.q()), gradient(qkv, heads.k()))},
             .attention_core = true});
  const TensorId weights = add_softmax(graph, scores, heads);
  const TensorId context =
      graph.activation("attention.values", graph.shape().tokens() * heads.query * heads.dim);
  const OperandRef dcontext = gradient(context, heads.context());
  graph.add({.name = "attention.values",
             .inputs = {weights, qkv},
             .outputs = {context},
             .saved = {weights, qkv},
             .forward = {batched(graph, kBatchedGemmForward, value(weights, square),
                                 value(qkv, heads.v()), value(context, heads.context()))},
             .backward = {batched(graph, kBatchedGemmBackward, dcontext,
                                  value(qkv, transposed(heads.v())), gradient(weights, square)),
                          batched(graph, kBatchedGemmBackward, value(weights, transposed(square)),
                                  dcontext, gradient(qkv, heads.v()))},
             .attention_core = true});
  return context;
}

}  // namespace

TensorId add_attention(GraphBuilder& graph, TensorId input) {
  const Model& model = graph.model();
  const LocalShape& shape = graph.shape();
  const Heads heads(graph);
  TensorId qkv = graph.linear(
      {.name = "attention.qkv",
       .region = Region::kColumn,
       .input = input,
       .rows = shape.tokens(),
       .inputs = model.hidden_size,
       .outputs = heads.projection(),
       .bias = model.qkv_bias,
       .sections = {heads.query * heads.dim, heads.key * heads.dim, heads.key * heads.dim}});
  const std::int64_t context_size = shape.tokens() * heads.query * heads.dim;
  if (!shape.flash_attention)
    qkv = add_copy(graph, "attention.split", qkv, shape.tokens() * heads.projection());
  if (model.position_embedding == PositionEmbedding::kRotary) qkv = add_rotary(graph, qkv, heads);
  TensorId context = shape.flash_attention ? add_fused_core(graph, qkv, heads)
                                           : add_unfused_core(graph, qkv, heads);
  if (!shape.flash_attention) context = add_copy(graph, "attention.merge", context, context_size);
  return graph.linear({.name = "attention.projection",
                       .region = Region::kRow,
                       .input = context,
                       .rows = shape.tokens(),
                       .inputs = heads.query * heads.dim,
                       .outputs = model.hidden_size,
                       .bias = model.linear_bias,
                       .ends_branch = true});
}

}  // namespace stepcast
