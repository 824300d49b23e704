// Matrix products and attention.
#include <tuple>
#include <type_traits>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/gemm.h"
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/cpu_results.h"
#include "kernels/live/launch_shapes.h"

namespace stepcast {
namespace {

/// 16-bit operands are widened on their way in scratch memory.
template <typename T, typename Result>
void multiply(const Gemm& product, const T* a, const T* b, Result* result) {
  if constexpr (std::is_same_v<T, float>)
    cpu::gemm(product, a, b, result);
  else
    cpu::gemm(product, a, b, result, scratch(Scratch::kWorkspace, cpu::gemm_workspace(product)));
}

template <typename T>
HeadsView<T> heads_of(const LiveOperand& operand) {
  const Layout& layout = operand.layout;
  return {.data = elements<std::remove_const_t<T>>(operand),
          .sequence = layout.outer.stride,
          .token = layout.row_stride,
          .head = layout.inner.stride};
}

void biased_product(const Gemm& product, const float* x, const float* weight, const float* bias,
                    float* y) {
  cpu::gemm_bias(product, x, weight, bias, y);
}

/// The bias is added in fp32, and the sum rounded once.
template <typename T>
void biased_product(const Gemm& product, const T* x, const T* weight, const T* bias, T* y) {
  Gemm dense = product;
  dense.ldc = 0;
  float* wide = scratch(Scratch::kResult, product.m * product.n);
  multiply(dense, x, weight, wide);
  for (std::int64_t row = 0; row < product.m; ++row)
    cpu::accumulate(product.n, bias, wide + row * product.n);
  cpu::cast(CopyShape{.rows = product.m,
                      .cols = product.n,
                      .from_stride = product.n,
                      .to_stride = product.row_c()},
            wide, y);
}

template <typename T>
void gemm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &y = launch.operands[3],
                    &row_maximum = launch.operands[4];
  const Gemm product = forward_product(launch);
  if (bias)
    biased_product(product, elements<T>(x), elements<T>(weight), elements<T>(bias), elements<T>(y));
  else
    multiply(product, elements<T>(x), elements<T>(weight), elements<T>(y));
  if (row_maximum)
    cpu::row_maxima(
        CrossEntropyShape{.tokens = product.m, .last = static_cast<std::int32_t>(product.n)},
        elements<T>(y), row_maximum.floats());
}

template <typename T>
void gemm_dgrad(const Launch& launch) {
  multiply(dgrad_product(launch), elements<T>(launch.operands[0]), elements<T>(launch.operands[1]),
           elements<T>(launch.operands[2]));
}

/// dweight in fp32 or in the type of x.
template <typename T>
void gemm_wgrad(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1],
                    &dweight = launch.operands[2], &dbias = launch.operands[3];
  const Gemm product = wgrad_product(launch);
  if (size_of(dweight.dtype) == 4)
    multiply(product, elements<T>(dy), elements<T>(x), dweight.floats());
  else
    multiply(product, elements<T>(dy), elements<T>(x), elements<T>(dweight));
  if (!dbias) return;
  const AddedResult sums(dbias);
  for (std::int64_t row = 0; row < product.k; ++row)
    cpu::accumulate(product.m, elements<T>(dy) + row * dy.layout.row_stride, sums.floats());
  sums.finish();
}

template <typename T>
void batched_gemm(const Launch& launch) {
  const LiveOperand& result = launch.operands[2];
  if (result.layout.repeat > 1) clear_unless_added_to<T>(result);
  multiply(batched_product(launch), elements<T>(launch.operands[0]),
           elements<T>(launch.operands[1]), elements<T>(result));
}

/// What attention on 16-bit tensors takes besides its operands.
template <typename T>
auto workspace_of(const AttentionShape& shape) {
  if constexpr (std::is_same_v<T, float>)
    return std::tuple<>();
  else
    return std::tuple(scratch(Scratch::kWorkspace, cpu::attention_workspace(shape)));
}

template <typename T>
void attention_forward(const Launch& launch) {
  const AttentionShape shape = attention_shape(launch);
  const auto read = [&](std::size_t i) { return heads_of<const T>(launch.operands[i]); };
  std::apply(
      [&](auto... workspace) {
        cpu::attention_forward(shape, read(0), read(1), read(2), heads_of<T>(launch.operands[3]),
                               launch.operands[4].floats(), workspace...);
      },
      workspace_of<T>(shape));
}

template <typename T>
void attention_backward(const Launch& launch) {
  const AttentionShape shape = attention_shape(launch);
  const auto read = [&](std::size_t i) { return heads_of<const T>(launch.operands[i]); };
  const auto written = [&](std::size_t i) {
    STEPCAST_CHECK(!launch.operands[i].add, "gradients of attention are added to");
    return heads_of<T>(launch.operands[i]);
  };
  std::apply(
      [&](auto... workspace) {
        cpu::attention_backward(shape, read(0), read(1), read(2), read(3),
                                launch.operands[4].floats(), read(5), written(6), written(7),
                                written(8), workspace...);
      },
      workspace_of<T>(shape));
}

}  // namespace

void cpu_gemm_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { gemm_forward<T>(launch); });
}
void cpu_gemm_dgrad(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { gemm_dgrad<T>(launch); });
}
void cpu_gemm_wgrad(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { gemm_wgrad<T>(launch); });
}
void cpu_batched_gemm(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { batched_gemm<T>(launch); });
}
void cpu_attention_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { attention_forward<T>(launch); });
}
void cpu_attention_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { attention_backward<T>(launch); });
}

}  // namespace stepcast
