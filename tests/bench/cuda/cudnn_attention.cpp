#include "tests/bench/cuda/cudnn_attention.h"

#include <limits>

#include "sim/base/error.h"

namespace stepcast::bench {
namespace {

using Four = CudnnGraph::Four;
using Tensor = CudnnGraph::Tensor;

/// The dimensions of cuDNN's tensors: (batch, head, token, element) in this order, whatever the
/// order in memory.
struct Sizes {
  std::int64_t batch, heads, kv_heads, queries, keys, head_dim;

  explicit Sizes(const AttentionShape& s)
      : batch(s.batch),
        heads(s.heads),
        kv_heads(s.kv_heads),
        queries(s.queries),
        keys(s.keys),
        head_dim(s.head_dim) {}
  Four q() const { return {batch, heads, queries, head_dim}; }
  Four kv() const { return {batch, kv_heads, keys, head_dim}; }
  Four scores() const { return {batch, heads, queries, keys}; }
  Four rows() const { return {batch, heads, queries, 1}; }
};

/// Of a tensor that lies token by token.
Four by_token(const Four& n) { return {n[1] * n[2] * n[3], n[3], n[1] * n[3], 1}; }
Four row_major(const Four& n) { return {n[1] * n[2] * n[3], n[2] * n[3], n[3], 1}; }
Four transposed(const Four& n) { return {n[0], n[1], n[3], n[2]}; }

Tensor bf16(CudnnGraph& graph, const std::string& name, const Four& dims, const void* data) {
  return graph.memory(name, dims, by_token(dims), CUDNN_DATA_BFLOAT16, data);
}
/// The same memory with rows and columns exchanged.
Tensor bf16_transposed(CudnnGraph& graph, const std::string& name, const Four& dims,
                       const void* data) {
  return graph.memory(name, transposed(dims), transposed(by_token(dims)), CUDNN_DATA_BFLOAT16,
                      data);
}
Tensor row_values(CudnnGraph& graph, const std::string& name, const Four& dims, const void* data) {
  return graph.memory(name, dims, row_major(dims), CUDNN_DATA_FLOAT, data);
}

/// A pointwise operation whose result is as large as `dims`.
Tensor apply(CudnnGraph& graph, const std::string& name, cudnnPointwiseMode_t mode, Tensor x,
             Tensor b, const Four& dims) {
  const Tensor result = graph.between(name, dims);
  graph.pointwise(mode, x, b, result);
  return result;
}

/// scores where the key is no later than the query, and minus infinity elsewhere.
Tensor causal(CudnnGraph& graph, Tensor scores, const Four& dims) {
  const Tensor row = graph.between("row", dims, CUDNN_DATA_INT32);
  const Tensor column = graph.between("column", dims, CUDNN_DATA_INT32);
  const Tensor seen = graph.between("seen", dims, CUDNN_DATA_BOOLEAN);
  const Tensor result = graph.between("masked scores", dims);
  graph.index(2, scores, row);
  graph.index(3, scores, column);
  graph.pointwise(CUDNN_POINTWISE_CMP_GE, row, column, seen, CUDNN_DATA_BOOLEAN);
  graph.select(scores, graph.number("minus infinity", -std::numeric_limits<float>::infinity()),
               seen, result);
  return result;
}

void check_shape(const AttentionShape& shape) {
  STEPCAST_CHECK(shape.causal && shape.queries == shape.keys,
                 "the graphs of cuDNN's attention have a causal mask of a square");
}

}  // namespace

CudnnGraph attention_forward_graph(const AttentionShape& shape, const AttentionOperands& operands) {
  check_shape(shape);
  const Sizes n(shape);
  CudnnGraph g;
  const Tensor q = bf16(g, "q", n.q(), operands.q);
  const Tensor k = bf16_transposed(g, "k", n.kv(), operands.k);
  const Tensor v = bf16(g, "v", n.kv(), operands.v);

  const Tensor products = g.between("products", n.scores());
  g.matmul(q, k, products);
  const Tensor scaled =
      apply(g, "scores", CUDNN_POINTWISE_MUL, products, g.number("scale", shape.scale), n.scores());
  const Tensor scores = causal(g, scaled, n.scores());

  const Tensor maxima = g.between("maxima", n.rows());
  g.reduce(CUDNN_REDUCE_TENSOR_MAX, scores, maxima);
  const Tensor shifted =
      apply(g, "shifted scores", CUDNN_POINTWISE_SUB, scores, maxima, n.scores());
  const Tensor powers = apply(g, "powers", CUDNN_POINTWISE_EXP, shifted, nullptr, n.scores());
  const Tensor sums = g.between("sums", n.rows());
  g.reduce(CUDNN_REDUCE_TENSOR_ADD, powers, sums);
  const Tensor logs = apply(g, "logarithms", CUDNN_POINTWISE_LOG, sums, nullptr, n.rows());
  g.pointwise(CUDNN_POINTWISE_ADD, maxima, logs,
              row_values(g, "log_sums", n.rows(), operands.log_sums));
  const Tensor probabilities = g.between("probabilities", n.scores(), CUDNN_DATA_BFLOAT16);
  g.pointwise(CUDNN_POINTWISE_DIV, powers, sums, probabilities);

  g.matmul(probabilities, v, bf16(g, "out", n.q(), operands.out));
  return g;
}

namespace {

/// result = by_query' operand, over the heads that share a key's head where there are such.
void add_over_queries(CudnnGraph& g, const Sizes& n, const std::string& name, Tensor by_query,
                      Tensor operand, void* result_data) {
  const Four dims = transposed(n.scores());
  const Tensor by_key =
      g.between(name + " by key", dims, transposed(row_major(n.scores())), CUDNN_DATA_BFLOAT16);
  g.reshape(by_query, by_key);
  const Tensor result = bf16(g, name, n.kv(), result_data);
  if (n.heads == n.kv_heads) return g.matmul(by_key, operand, result);
  const Tensor of_each_head = g.between(
      name + " of each head", {n.batch, n.heads, n.keys, n.head_dim}, CUDNN_DATA_BFLOAT16);
  g.matmul(by_key, operand, of_each_head);
  g.reduce(CUDNN_REDUCE_TENSOR_ADD, of_each_head, result);
}

}  // namespace

CudnnGraph attention_backward_graph(const AttentionShape& shape,
                                    const AttentionOperands& operands) {
  check_shape(shape);
  const Sizes n(shape);
  CudnnGraph g;
  const Tensor q = bf16(g, "q", n.q(), operands.q);
  const Tensor k = bf16_transposed(g, "k", n.kv(), operands.k);
  const Tensor v = bf16_transposed(g, "v", n.kv(), operands.v);
  const Tensor out = bf16(g, "out", n.q(), operands.out);
  const Tensor dout = bf16(g, "dout", n.q(), operands.dout);
  const Tensor log_sums = row_values(g, "log_sums", n.rows(), operands.log_sums);
  const Tensor scale = g.number("scale", shape.scale);

  // row_sums = sum of dout * out over each query's elements. Dropout's factor, here 1, is part of
  // the graph that cuDNN knows.
  const Tensor dout_out = apply(g, "dout * out", CUDNN_POINTWISE_MUL, dout, out, n.q());
  const Tensor unscaled = g.between("sums of dout * out", n.rows());
  g.reduce(CUDNN_REDUCE_TENSOR_ADD, dout_out, unscaled);
  const Tensor row_sums = row_values(g, "row_sums", n.rows(), operands.row_sums);
  g.pointwise(CUDNN_POINTWISE_MUL, unscaled, g.number("one", 1), row_sums);

  const Tensor products = g.between("products", n.scores());
  g.matmul(q, k, products);
  const Tensor scaled = apply(g, "scores", CUDNN_POINTWISE_MUL, products, scale, n.scores());
  const Tensor shifted =
      apply(g, "shifted scores", CUDNN_POINTWISE_SUB, scaled, log_sums, n.scores());
  const Tensor probabilities = apply(g, "probabilities", CUDNN_POINTWISE_EXP,
                                     causal(g, shifted, n.scores()), nullptr, n.scores());
  add_over_queries(g, n, "dv", probabilities, dout, operands.dv);

  const Tensor dprobabilities = g.between("gradient of probabilities", n.scores());
  g.matmul(dout, v, dprobabilities);
  const Tensor centred =
      apply(g, "less its row's sum", CUDNN_POINTWISE_SUB, dprobabilities, row_sums, n.scores());
  const Tensor dscores =
      apply(g, "gradient of scores", CUDNN_POINTWISE_MUL, centred, probabilities, n.scores());
  const Tensor dproducts =
      apply(g, "gradient of products", CUDNN_POINTWISE_MUL, dscores, scale, n.scores());
  add_over_queries(g, n, "dk", dproducts, q, operands.dk);

  const Tensor k_by_token = g.between("k by token", n.kv(), by_token(n.kv()), CUDNN_DATA_BFLOAT16);
  g.reshape(k, k_by_token);
  const Tensor dq_sums = row_values(g, "dq_sums", n.q(), operands.dq_sums);
  g.matmul(dproducts, k_by_token, dq_sums);
  g.pointwise(CUDNN_POINTWISE_IDENTITY, dq_sums, nullptr, bf16(g, "dq", n.q(), operands.dq));
  return g;
}

}  // namespace stepcast::bench
