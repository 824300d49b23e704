// Work of a kernel from its dimensions: the formulas that kernels.h promises.
#include "sim/compute/kernels.h"

#include <algorithm>

#include "sim/base/error.h"
#include "sim/compute/dims.h"

namespace stepcast {
namespace {

using enum KernelKind;
using enum KernelFamily;

std::int64_t times(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  STEPCAST_CHECK(!__builtin_mul_overflow(a, b, &product), "a kernel's size exceeds 64 bits");
  return product;
}

std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  STEPCAST_CHECK(!__builtin_add_overflow(a, b, &sum), "a kernel's size exceeds 64 bits");
  return sum;
}

/// Bytes per element of a product of operands of `dtype`: products of fp8 are written in 16 bits.
std::int64_t result_size(Dtype dtype) { return std::max<std::int64_t>(size_of(dtype), 2); }

void check_dims(const Kernel& kernel) {
  const KernelInfo& row = info(kernel.kind);
  for (std::size_t i = 0; i < kernel.dims.size(); ++i) {
    STEPCAST_CHECK(kernel.dims[i] >= 0, std::string(row.name) + " has a negative dimension");
    STEPCAST_CHECK(kernel.dims[i] == 0 || !row.dim_names[i].empty(),
                   std::string(row.name) + " has more dimensions than it takes");
  }
}

Flops gemm_flops(const Kernel& kernel) {
  const auto [m, n, k, batch] = product_dims(kernel);
  double work = 2;
  for (const std::int64_t side : {m, n, k, batch}) work *= static_cast<double>(side);
  return Flops(work);
}

/// Query-key pairs that are computed, per head and sequence.
double visible_scores(double queries, double keys, bool causal) {
  if (!causal) return queries * keys;
  // Right-aligned diagonal: with more queries than keys, the first queries see nothing.
  const double seeing = std::min(queries, keys);
  return seeing * (keys - seeing / 2);
}

Flops attention_flops(const Kernel& kernel) {
  const auto [batch, heads, kv_heads, queries, keys, head_dim] = attention_dims(kernel);
  const double products = kernel.kind == kFlashAttentionForward ? 2 : 5;
  return Flops(
      products * 2 * static_cast<double>(batch) * static_cast<double>(heads) *
      static_cast<double>(head_dim) *
      visible_scores(static_cast<double>(queries), static_cast<double>(keys), kernel.causal));
}

std::int64_t gemm_bytes(const Kernel& kernel) {
  const auto [m, n, k, batch] = product_dims(kernel);
  const std::int64_t operands = times(plus(times(m, k), times(k, n)), size_of(kernel.dtype));
  // The weight gradient is an fp32 sum over microbatches: read and written.
  const std::int64_t result_bytes = kernel.kind == kGemmWgrad ? 8 : result_size(kernel.dtype);
  return times(plus(operands, times(times(m, n), result_bytes)), batch);
}

std::int64_t attention_bytes(const Kernel& kernel) {
  const auto [batch, heads, kv_heads, queries, keys, head_dim] = attention_dims(kernel);
  const std::int64_t query_rows = times(times(batch, heads), queries);
  const std::int64_t query = times(query_rows, head_dim);
  const std::int64_t key = times(times(times(batch, kv_heads), keys), head_dim);
  const std::int64_t inputs = times(plus(query, times(2, key)), size_of(kernel.dtype));  // q, k, v
  const std::int64_t log_sum_exp = times(4, query_rows);
  // Forward writes o; backward reads o and do, and writes dq, dk, dv.
  const std::int64_t results =
      kernel.kind == kFlashAttentionForward ? query : plus(times(3, query), times(2, key));
  return plus(plus(inputs, times(results, result_size(kernel.dtype))), log_sum_exp);
}

Flops convolution_flops(const Kernel& kernel) {
  const ConvolutionDims c = convolution_dims(kernel);
  return Flops(2 * static_cast<double>(c.results()) * static_cast<double>(c.in_channels) *
               static_cast<double>(c.window_height) * static_cast<double>(c.window_width));
}

std::int64_t convolution_bytes(const Kernel& kernel) {
  const ConvolutionDims c = convolution_dims(kernel);
  return times(size_of(kernel.dtype), plus(plus(c.inputs(), c.weights()), c.results()));
}

/// What a memory-bound kernel works through.
struct Streamed {
  std::int64_t elements = 0;
  std::int64_t fewer = 0;   ///< what there is less of
  std::int64_t visits = 0;  ///< how often an element is computed with
};

Streamed streamed(const Kernel& kernel) {
  const KernelInfo& row = info(kernel.kind);
  const std::int64_t first = kernel.dims[0], second = kernel.dims[1];
  switch (row.work.counts) {
    case StreamingWork::Counts::kProduct:
      break;
    case StreamingWork::Counts::kWindows: {
      const PoolingDims p = pooling_dims(kernel);
      const std::int64_t windows = p.results();
      return {p.inputs(), windows, times(windows, times(p.window, p.window))};
    }
    case StreamingWork::Counts::kKept:
      return {first, second, first};
    case StreamingWork::Counts::kBlocks:
      return {first, (first + second - 1) / second, first};
  }
  std::int64_t elements = first;
  for (std::size_t i = 1; i < num_dims(row); ++i) elements = times(elements, kernel.dims[i]);
  return {elements, 0, elements};
}

std::int64_t streaming_bytes(const Kernel& kernel) {
  const StreamingWork& work = info(kernel.kind).work;
  const std::int64_t element = size_of(kernel.dtype);
  std::int64_t per_element = work.operands * element + work.bytes;
  if (work.low_precision_copy && element < 4) per_element += element;
  const Streamed counts = streamed(kernel);
  const std::int64_t rows = times(kernel.dims[0], work.row_bytes);
  const std::int64_t vectors = times(kernel.dims[1], work.vectors * element);
  const std::int64_t few = times(counts.fewer, work.few_operands * element + work.few_bytes);
  return plus(times(counts.elements, per_element), plus(plus(rows, vectors), few));
}

}  // namespace

Flops flops_of(const Kernel& kernel) {
  check_dims(kernel);
  const KernelInfo& row = info(kernel.kind);
  switch (row.family) {
    case kGemm:
    case kBatchedGemm:
      return gemm_flops(kernel);
    case kAttention:
      return attention_flops(kernel);
    case kConvolution:
      return convolution_flops(kernel);
    case kMemoryBound:
      break;
  }
  return Flops(row.work.flops * static_cast<double>(streamed(kernel).visits));
}

Bytes bytes_of(const Kernel& kernel) {
  check_dims(kernel);
  switch (info(kernel.kind).family) {
    case kGemm:
    case kBatchedGemm:
      return Bytes(gemm_bytes(kernel));
    case kAttention:
      return Bytes(attention_bytes(kernel));
    case kConvolution:
      return Bytes(convolution_bytes(kernel));
    case kMemoryBound:
      break;
  }
  return Bytes(streaming_bytes(kernel));
}

std::string to_text(const Kernel& kernel) {
  const KernelInfo& row = info(kernel.kind);
  const bool is_gemm = row.family == kGemm || row.family == kBatchedGemm;
  std::string text = std::string(row.name) + "(";
  for (std::size_t i = 0; i < kernel.dims.size() && !row.dim_names[i].empty(); ++i) {
    if (is_gemm && i == 3 && kernel.dims[i] <= 1) continue;
    text += std::string(row.dim_names[i]) + "=" + std::to_string(kernel.dims[i]) + ", ";
  }
  return text + std::string(name_of(kernel.dtype)) + (kernel.causal ? ", causal)" : ")");
}

}  // namespace stepcast
