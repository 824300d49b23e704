// Attention by cuDNN, to hold ours against: the graphs that its fused engines recognise, of causal
// scaled dot-product attention in bf16 and its gradient. cuDNN 9.19's one node for attention
// (CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR) has no attribute for a mask, so that these are
// the graphs of single operations.
#pragma once

#include "kernels/ops/attention.h"
#include "tests/bench/cuda/cudnn_graph.h"

namespace stepcast::bench {

/// Operands as kernels/ops/attention.h has them: q, out and their gradients (batch, queries, heads,
/// head_dim), k, v and theirs (batch, keys, kv_heads, head_dim), dense bf16, token by token;
/// log_sums (batch, heads, queries) fp32. Addresses may be null where nothing is executed.
struct AttentionOperands {
  const void *q = nullptr, *k = nullptr, *v = nullptr;
  void* out = nullptr;
  void* log_sums = nullptr;
  const void* dout = nullptr;  ///< from here on: backward only
  void *dq = nullptr, *dk = nullptr, *dv = nullptr;
  void* dq_sums = nullptr;   ///< fp32, as many elements as q: what cuDNN adds up
  void* row_sums = nullptr;  ///< fp32, as many as log_sums: what cuDNN keeps of dout * out
};

/// out and log_sums from q, k and v.
CudnnGraph attention_forward_graph(const AttentionShape& shape, const AttentionOperands& operands);

/// dq, dk and dv from the rest; they are overwritten.
CudnnGraph attention_backward_graph(const AttentionShape& shape, const AttentionOperands& operands);

}  // namespace stepcast::bench
