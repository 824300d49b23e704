#include "kernels/live/launch_shapes.h"

#include "sim/base/error.h"
#include "sim/compute/dims.h"

namespace stepcast {
namespace {

BatchStride batch_strides(const Layout& layout) {
  return {.outer = layout.outer.stride, .inner = layout.inner.stride, .share = layout.repeat};
}

/// Dense rows of `a`, `b` and the result.
Gemm product(const ProductDims& dims, const LiveOperand& a, const LiveOperand& b,
             const LiveOperand& result) {
  return {.m = dims.m,
          .n = dims.n,
          .k = dims.k,
          .lda = a.layout.row_stride,
          .ldb = b.layout.row_stride,
          .ldc = result.layout.row_stride,
          .beta = result.add ? 1.0F : 0.0F};
}

}  // namespace

Gemm forward_product(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &y = launch.operands[3];
  STEPCAST_CHECK(!(bias && y.add), "a product with a bias is added to a result");
  Gemm shape = product(product_dims(launch.kernel), x, weight, y);
  shape.transpose_b = true;
  return shape;
}

Gemm dgrad_product(const Launch& launch) {
  return product(product_dims(launch.kernel), launch.operands[0], launch.operands[1],
                 launch.operands[2]);
}

Gemm wgrad_product(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1],
                    &dweight = launch.operands[2];
  const auto [m, n, k, batch] = product_dims(launch.kernel);
  Gemm shape = product({.m = n, .n = m, .k = k, .batch = batch}, dy, x, dweight);
  shape.transpose_a = true;
  return shape;
}

Gemm batched_product(const Launch& launch) {
  const LiveOperand &a = launch.operands[0], &b = launch.operands[1], &result = launch.operands[2];
  STEPCAST_CHECK(!result.layout.transposed, "a batched product is written transposed");
  Gemm shape = product(product_dims(launch.kernel), a, b, result);
  shape.transpose_a = a.layout.transposed;
  shape.transpose_b = b.layout.transposed;
  if (result.layout.repeat > 1) shape.beta = 1;
  shape.outer = result.layout.outer.count;
  shape.inner = result.layout.inner.count;
  shape.a = batch_strides(a.layout);
  shape.b = batch_strides(b.layout);
  shape.c = batch_strides(result.layout);
  return shape;
}

AttentionShape attention_shape(const Launch& launch) {
  const auto [batch, heads, kv_heads, queries, keys, head_dim] = attention_dims(launch.kernel);
  return {.batch = batch,
          .heads = heads,
          .kv_heads = kv_heads,
          .queries = queries,
          .keys = keys,
          .head_dim = head_dim,
          .causal = launch.kernel.causal,
          .scale = static_cast<float>(launch.arguments.scale)};
}

SoftmaxShape softmax_shape(const Launch& launch, const Layout& rows) {
  const std::int64_t queries = launch.arguments.sequence;
  STEPCAST_CHECK(!launch.arguments.causal || queries == rows.columns,
                 "causal scores are not of a sequence with itself");
  return {.matrices = rows.rows / queries,
          .queries = queries,
          .keys = rows.columns,
          .causal = launch.arguments.causal,
          .scale = static_cast<float>(launch.arguments.scale)};
}

NormShape norm_shape(const LiveOperand& x) {
  return {.rows = x.layout.rows, .cols = x.layout.columns};
}

EmbeddingShape embedding_shape(const Launch& launch, const LiveOperand& rows,
                               const LiveOperand& table) {
  const auto first = static_cast<std::int32_t>(launch.index * table.layout.rows);
  return {.tokens = rows.layout.rows,
          .width = rows.layout.columns,
          .first = first,
          .last = first + static_cast<std::int32_t>(table.layout.rows)};
}

CrossEntropyShape loss_shape(const Launch& launch, const Layout& logits) {
  const auto first = static_cast<std::int32_t>(launch.index * logits.columns);
  return {.tokens = logits.rows,
          .first = first,
          .last = first + static_cast<std::int32_t>(logits.columns)};
}

Activation activation_of(KernelArguments::Function function) {
  STEPCAST_CHECK(function != KernelArguments::Function::kSilu, "SiLU is a gate's function only");
  return function == KernelArguments::Function::kGelu ? Activation::kGeluTanh : Activation::kRelu;
}

ActivationShape activation_shape(const Launch& launch, const Layout& layout) {
  return {.kind = activation_of(launch.arguments.function),
          .rows = layout.rows,
          .cols = layout.columns};
}

RotaryShape rotary_shape(const Launch& launch, const LiveOperand& x, const LiveOperand& y) {
  STEPCAST_CHECK(x.layout.row_stride == y.layout.row_stride && !y.add,
                 "a rotation changes the layout or is added to");
  return {.sequences = x.layout.rows / launch.arguments.sequence,
          .tokens = launch.arguments.sequence,
          .heads = launch.arguments.rotated / launch.arguments.head_dim,
          .head_dim = launch.arguments.head_dim,
          .stride = x.layout.row_stride};
}

Adam adam_settings(const Launch& launch) {
  return {.learning_rate = static_cast<float>(launch.adam.learning_rate),
          .beta1 = static_cast<float>(launch.adam.beta1),
          .beta2 = static_cast<float>(launch.adam.beta2),
          .epsilon = static_cast<float>(launch.adam.epsilon),
          .weight_decay = static_cast<float>(launch.adam.weight_decay),
          .step = launch.step};
}

}  // namespace stepcast
