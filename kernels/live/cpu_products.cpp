// Matrix products and attention.
#include "kernels/cpu/attention.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/gemm.h"
#include "kernels/live/cpu_launchers.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

BatchStride strides_of(const Layout& layout) {
  return {.outer = layout.outer.stride, .inner = layout.inner.stride, .share = layout.repeat};
}

HeadsView<float> heads_of(const LiveOperand& operand) {
  const Layout& layout = operand.layout;
  return {.data = operand.floats(),
          .sequence = layout.outer.stride,
          .token = layout.row_stride,
          .head = layout.inner.stride};
}

HeadsView<const float> heads_read(const LiveOperand& operand) {
  const HeadsView<float> view = heads_of(operand);
  return {.data = view.data, .sequence = view.sequence, .token = view.token, .head = view.head};
}

AttentionShape attention_shape(const Launch& launch) {
  const auto& [batch, heads, kv_heads, queries, keys, head_dim] = launch.kernel.dims;
  return {.batch = batch,
          .heads = heads,
          .kv_heads = kv_heads,
          .queries = queries,
          .keys = keys,
          .head_dim = head_dim,
          .causal = launch.kernel.causal,
          .scale = static_cast<float>(launch.arguments.scale)};
}

}  // namespace

void cpu_gemm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &y = launch.operands[3],
                    &row_maximum = launch.operands[4];
  const Gemm product{.m = launch.kernel.dims[0],
                     .n = launch.kernel.dims[1],
                     .k = launch.kernel.dims[2],
                     .transpose_b = true,
                     .lda = x.layout.row_stride,
                     .ldb = weight.layout.row_stride,
                     .ldc = y.layout.row_stride,
                     .beta = y.add ? 1.0F : 0.0F};
  STEPCAST_CHECK(!(bias && y.add), "a product with a bias is added to a result");
  if (bias)
    cpu::gemm_bias(product, x.floats(), weight.floats(), bias.floats(), y.floats());
  else
    cpu::gemm(product, x.floats(), weight.floats(), y.floats());
  if (row_maximum)
    cpu::row_maxima(
        CrossEntropyShape{.tokens = product.m, .last = static_cast<std::int32_t>(product.n)},
        y.floats(), row_maximum.floats());
}

void cpu_gemm_dgrad(const Launch& launch) {
  const LiveOperand &dy = launch.operands[0], &weight = launch.operands[1],
                    &dx = launch.operands[2];
  cpu::gemm({.m = launch.kernel.dims[0],
             .n = launch.kernel.dims[1],
             .k = launch.kernel.dims[2],
             .lda = dy.layout.row_stride,
             .ldb = weight.layout.row_stride,
             .ldc = dx.layout.row_stride,
             .beta = dx.add ? 1.0F : 0.0F},
            dy.floats(), weight.floats(), dx.floats());
}

/// dweight (n, m) = dy' x.
void cpu_gemm_wgrad(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1],
                    &dweight = launch.operands[2], &dbias = launch.operands[3];
  const auto [m, n, k, unused3, unused4, unused5] = launch.kernel.dims;
  cpu::gemm({.m = n,
             .n = m,
             .k = k,
             .transpose_a = true,
             .lda = dy.layout.row_stride,
             .ldb = x.layout.row_stride,
             .ldc = dweight.layout.row_stride,
             .beta = dweight.add ? 1.0F : 0.0F},
            dy.floats(), x.floats(), dweight.floats());
  if (!dbias) return;
  clear_unless_added_to(dbias);
  for (std::int64_t row = 0; row < k; ++row)
    cpu::accumulate(n, dy.floats() + row * dy.layout.row_stride, dbias.floats());
}

void cpu_batched_gemm(const Launch& launch) {
  const LiveOperand &a = launch.operands[0], &b = launch.operands[1], &result = launch.operands[2];
  // Heads that share a key head add up their results, the first of them too.
  const bool shared = result.layout.repeat > 1;
  if (shared) clear_unless_added_to(result);
  STEPCAST_CHECK(!result.layout.transposed, "a batched product is written transposed");
  cpu::gemm({.m = launch.kernel.dims[0],
             .n = launch.kernel.dims[1],
             .k = launch.kernel.dims[2],
             .transpose_a = a.layout.transposed,
             .transpose_b = b.layout.transposed,
             .lda = a.layout.row_stride,
             .ldb = b.layout.row_stride,
             .ldc = result.layout.row_stride,
             .beta = result.add || shared ? 1.0F : 0.0F,
             .outer = result.layout.outer.count,
             .inner = result.layout.inner.count,
             .a = strides_of(a.layout),
             .b = strides_of(b.layout),
             .c = strides_of(result.layout)},
            a.floats(), b.floats(), result.floats());
}

void cpu_attention_forward(const Launch& launch) {
  const auto operand = [&](std::size_t i) -> const LiveOperand& { return launch.operands[i]; };
  cpu::attention_forward(attention_shape(launch), heads_read(operand(0)), heads_read(operand(1)),
                         heads_read(operand(2)), heads_of(operand(3)), operand(4).floats());
}

void cpu_attention_backward(const Launch& launch) {
  const auto operand = [&](std::size_t i) -> const LiveOperand& { return launch.operands[i]; };
  for (std::size_t i = 6; i < 9; ++i)
    STEPCAST_CHECK(!operand(i).add, "gradients of attention are added to");
  cpu::attention_backward(attention_shape(launch), heads_read(operand(0)), heads_read(operand(1)),
                          heads_read(operand(2)), heads_read(operand(3)), operand(4).floats(),
                          heads_read(operand(5)), heads_of(operand(6)), heads_of(operand(7)),
                          heads_of(operand(8)));
}

}  // namespace stepcast
