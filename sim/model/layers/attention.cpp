// Self-attention: projections and the core between them, either one fused kernel or scores, softmax
// and values written to memory.
#include <algorithm>

#include "sim/model/layers/layers.h"

namespace stepcast {
namespace {

/// Heads of this rank. With fewer key heads than ranks, ranks hold copies of them.
struct Heads {
  explicit Heads(const GraphBuilder& graph)
      : query(graph.model().num_heads / graph.shape().tp),
        key(std::max<std::int64_t>(1, graph.model().num_kv_heads / graph.shape().tp)),
        dim(graph.model().head_dim) {}
  std::int64_t query, key, dim;
  std::int64_t projection() const { return (query + 2 * key) * dim; }
};

/// A transpose of `input` that autograd need not keep.
TensorId add_copy(GraphBuilder& graph, const std::string& name, TensorId input,
                  std::int64_t elements) {
  const TensorId output = graph.activation(name, elements);
  const Kernel copy = graph.streaming(KernelKind::kCopy, elements);
  graph.add({.name = name,
             .inputs = {input},
             .outputs = {output},
             .saved = {},
             .forward = {copy},
             .backward = {copy}});
  return output;
}

/// Rotates queries and keys into a new tensor. The projection stays alive beside it: autograd holds
/// views of it (the values are one).
TensorId add_rotary(GraphBuilder& graph, TensorId qkv, const Heads& heads) {
  const std::int64_t tokens = graph.shape().tokens();
  const std::int64_t rotated = tokens * (heads.query + heads.key) * heads.dim;
  const TensorId output = graph.activation("attention.rotary", tokens * heads.projection());
  graph.add({.name = "attention.rotary",
             .inputs = {qkv},
             .outputs = {output},
             .saved = {qkv},
             .forward = {graph.streaming(KernelKind::kRotaryForward, rotated)},
             .backward = {graph.streaming(KernelKind::kRotaryBackward, rotated)}});
  return output;
}

/// Dao 2023 (FlashAttention-2): keeps q, k, v, the result and one log-sum per query and head.
TensorId add_fused_core(GraphBuilder& graph, TensorId qkv, const Heads& heads) {
  const LocalShape& shape = graph.shape();
  const TensorId context =
      graph.activation("attention.context", shape.tokens() * heads.query * heads.dim);
  const TensorId log_sum =
      graph.tensor("attention.log_sum", shape.tokens() * heads.query, Dtype::kFp32);
  Kernel kernel{
      .kind = KernelKind::kFlashAttentionForward,
      .dtype = shape.storage(),
      .causal = graph.model().causal,
      .dims = {shape.batch, heads.query, heads.key, shape.seq_len, shape.seq_len, heads.dim}};
  Operator op{.name = "attention.core",
              .inputs = {qkv},
              .outputs = {context, log_sum},
              .saved = {qkv, context, log_sum},
              .forward = {kernel},
              .attention_core = true};
  kernel.kind = KernelKind::kFlashAttentionBackward;
  op.backward = {kernel};
  graph.add(std::move(op));
  return context;
}

/// (S, S) times (S, d) and its like for every sequence and head.
Kernel batched(const GraphBuilder& graph, KernelKind kind, std::int64_t n, std::int64_t k,
               const Heads& heads) {
  const LocalShape& shape = graph.shape();
  return {.kind = kind,
          .dtype = shape.storage(),
          .dims = {shape.seq_len, n, k, shape.batch * heads.query}};
}

TensorId add_softmax(GraphBuilder& graph, TensorId scores, std::int64_t elements) {
  const TensorId probabilities = graph.activation("attention.probabilities", elements);
  Operator op{.name = "attention.softmax",
              .inputs = {scores},
              .outputs = {probabilities},
              .saved = {probabilities},
              .forward = {graph.streaming(KernelKind::kScoreSoftmaxForward, elements)},
              .backward = {graph.streaming(KernelKind::kScoreSoftmaxBackward, elements)},
              .attention_core = true};
  TensorId result = probabilities;
  if (graph.shape().attention_dropout) {
    result = graph.activation("attention.dropped", elements);
    const TensorId mask = graph.mask("attention.mask", elements);
    op.outputs = {result, probabilities, mask};
    op.saved = {probabilities, mask};
  }
  graph.add(std::move(op));
  return result;
}

/// Scores q k', softmax, values p v, each through memory.
TensorId add_unfused_core(GraphBuilder& graph, TensorId qkv, const Heads& heads) {
  const LocalShape& shape = graph.shape();
  const std::int64_t s = shape.seq_len, d = heads.dim;
  const std::int64_t elements = shape.batch * heads.query * s * s;
  const auto product = [&](KernelKind kind, std::int64_t n, std::int64_t k) {
    return batched(graph, kind, n, k, heads);
  };
  using enum KernelKind;
  const TensorId scores = graph.activation("attention.scores", elements);
  graph.add({.name = "attention.scores",
             .inputs = {qkv},
             .outputs = {scores},
             .saved = {qkv},
             .forward = {product(kBatchedGemmForward, s, d)},
             .backward = {product(kBatchedGemmBackward, d, s), product(kBatchedGemmBackward, d, s)},
             .attention_core = true});
  const TensorId weights = add_softmax(graph, scores, elements);
  const TensorId context = graph.activation("attention.values", shape.tokens() * heads.query * d);
  graph.add({.name = "attention.values",
             .inputs = {weights, qkv},
             .outputs = {context},
             .saved = {weights, qkv},
             .forward = {product(kBatchedGemmForward, d, s)},
             .backward = {product(kBatchedGemmBackward, s, d), product(kBatchedGemmBackward, d, s)},
             .attention_core = true});
  return context;
}

}  // namespace

TensorId add_attention(GraphBuilder& graph, TensorId input) {
  const Model& model = graph.model();
  const LocalShape& shape = graph.shape();
  const Heads heads(graph);
  TensorId qkv = graph.linear({.name = "attention.qkv",
                               .region = Region::kColumn,
                               .input = input,
                               .rows = shape.tokens(),
                               .inputs = model.hidden_size,
                               .outputs = heads.projection(),
                               .bias = model.qkv_bias});
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
                       .bias = model.linear_bias});
}

}  // namespace stepcast
