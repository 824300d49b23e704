// Which kernels compute a fused attention, and what they share.
#include <string>
#include <type_traits>

#include "kernels/ops/attention.h"
#include "kernels/ops/attention_kernels.h"
#include "kernels/ops/each.h"
#include "kernels/ops/reduce.h"
#include "sim/base/error.h"

namespace stepcast::cuda {
namespace {

/// A warp per query and head.
template <typename T>
__global__ void __launch_bounds__(kThreads)
    deltas_kernel(AttentionShape shape, HeadsView<const T> out, HeadsView<const T> dout,
                  float* deltas) {
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  const std::int64_t rows = shape.batch * shape.heads * shape.queries;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const std::int64_t at = row < rows ? row : 0;
  const std::int64_t query = at % shape.queries, head = at / shape.queries % shape.heads,
                     sequence = at / shape.queries / shape.heads;
  const std::int64_t of_out = sequence * out.sequence + query * out.token + head * out.head;
  const std::int64_t of_dout = sequence * dout.sequence + query * dout.token + head * dout.head;
  float sum = 0;
  for (std::int64_t i = lane; i < shape.head_dim; i += kWarp)
    sum += to_float(out.data[of_out + i]) * to_float(dout.data[of_dout + i]);
  sum = over_warp(sum, Sum{});
  if (lane == 0 && row < rows) deltas[row] = sum;
}

template <typename T>
bool lies_well(const HeadsView<T>& view) {
  constexpr std::int64_t kPack = 16 / sizeof(T);
  return aligned(view.data) && view.sequence % kPack == 0 && view.token % kPack == 0 &&
         view.head % kPack == 0;
}

template <typename T, typename... Views>
bool for_tensor_cores(const AttentionShape& shape, const Views&... views) {
  return sizeof(T) == 2 && shape.head_dim % 8 == 0 && shape.head_dim <= 128 &&
         (lies_well(views) && ...);
}

void check(const AttentionShape& shape) {
  if (shape.head_dim > 256)
    throw Error(ErrorKind::kUnsupported, "fused attention of head_dim " +
                                             std::to_string(shape.head_dim) +
                                             " on a GPU; it has 256 at the most");
}

}  // namespace

template <typename T>
void attention_forward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                       HeadsView<const T> v, HeadsView<T> out, float* log_sums,
                       DeviceContext& context) {
  check(shape);
  const AttentionOperands<T> operands{.q = q, .k = k, .v = v, .result = out, .log_sums = log_sums};
  if constexpr (sizeof(T) == 2)
    if (for_tensor_cores<T>(shape, q, k, v, out))
      return attention_forward_mma(shape, operands, context.stream());
  attention_forward_fp32(shape, operands, context.stream());
}

template <typename T>
void attention_backward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                        HeadsView<const T> v, HeadsView<const T> out, const float* log_sums,
                        HeadsView<const T> dout, HeadsView<T> dq, HeadsView<T> dk, HeadsView<T> dv,
                        DeviceContext& context) {
  check(shape);
  const std::int64_t rows = shape.batch * shape.heads * shape.queries;
  float* const deltas = context.scratch_floats(rows);
  launch(deltas_kernel<T>,
         dim3(static_cast<unsigned>((rows + kThreads / kWarp - 1) / (kThreads / kWarp))),
         dim3(kThreads), 0, context.stream(), shape, out, dout, deltas);
  const AttentionOperands<T> operands{.q = q,
                                      .k = k,
                                      .v = v,
                                      .out = out,
                                      .dout = dout,
                                      .dq = dq,
                                      .dk = dk,
                                      .dv = dv,
                                      .log_sums = const_cast<float*>(log_sums),
                                      .deltas = deltas};
  if constexpr (sizeof(T) == 2)
    if (for_tensor_cores<T>(shape, q, k, v, dout, dq, dk, dv))
      return attention_backward_mma(shape, operands, context.stream());
  attention_backward_fp32(shape, operands, context.stream());
}

#define STEPCAST_OF(T)                                                                            \
  template void attention_forward(const AttentionShape&, HeadsView<const T>, HeadsView<const T>,  \
                                  HeadsView<const T>, HeadsView<T>, float*, DeviceContext&);      \
  template void attention_backward(const AttentionShape&, HeadsView<const T>, HeadsView<const T>, \
                                   HeadsView<const T>, HeadsView<const T>, const float*,          \
                                   HeadsView<const T>, HeadsView<T>, HeadsView<T>, HeadsView<T>,  \
                                   DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
