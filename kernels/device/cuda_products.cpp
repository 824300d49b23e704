// Matrix products and attention.
#include "kernels/device/cuda_launchers.h"
#include "kernels/device/device_results.h"
#include "kernels/live/launch_shapes.h"
#include "kernels/ops/attention.h"
#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/gemm.h"

namespace stepcast {
namespace {

const std::byte* memory_of(const LiveOperand& operand) {
  return operand.memory + operand.layout.offset * size_of(operand.dtype);
}

/// Of operands that lie as `shape` says; both factors have the kernel's dtype.
void multiply(const Launch& launch, const Gemm& shape, const LiveOperand& a, const LiveOperand& b,
              const LiveOperand& result, const LiveOperand& bias = {}) {
  const Dtype dtype = launch.kernel.dtype;
  for (const LiveOperand* factor : {&a, &b}) (void)elements_of_type<std::byte>(*factor, dtype);
  if (bias) (void)elements_of_type<std::byte>(bias, result.dtype);
  cuda::gemm({.shape = shape,
              .dtype = dtype,
              .result = result.dtype == Dtype::kTf32 ? Dtype::kFp32 : result.dtype,
              .epilogue = bias ? cuda::Epilogue::kBias : cuda::Epilogue::kNone,
              .bias = bias ? memory_of(bias) : nullptr},
             memory_of(a), memory_of(b),
             result.memory + result.layout.offset * size_of(result.dtype), *launch.device);
}

template <typename T>
HeadsView<T> heads_of(const LiveOperand& operand, Dtype dtype) {
  const Layout& layout = operand.layout;
  return {.data = elements_of_type<std::remove_const_t<T>>(operand, dtype),
          .sequence = layout.outer.stride,
          .token = layout.row_stride,
          .head = layout.inner.stride};
}

}  // namespace

void cuda_gemm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &y = launch.operands[3],
                    &row_maximum = launch.operands[4];
  const Gemm shape = forward_product(launch);
  multiply(launch, shape, x, weight, y, bias);
  if (!row_maximum) return;
  with_element_type(y.dtype, [&]<typename T>() {
    cuda::row_maxima({.tokens = shape.m, .last = static_cast<std::int32_t>(shape.n)}, shape.n,
                     y.layout.row_stride, static_cast<const T*>(elements<T>(y)),
                     static_cast<const T*>(nullptr), fp32_elements(row_maximum), *launch.device);
  });
}

void cuda_gemm_dgrad(const Launch& launch) {
  multiply(launch, dgrad_product(launch), launch.operands[0], launch.operands[1],
           launch.operands[2]);
}

void cuda_gemm_wgrad(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1],
                    &dweight = launch.operands[2], &dbias = launch.operands[3];
  const Gemm shape = wgrad_product(launch);
  multiply(launch, shape, dy, x, dweight);
  if (!dbias) return;
  const AddedOnDevice sums(dbias, *launch.device);
  with_element_type(dy.dtype, [&]<typename T>() {
    cuda::add_column_sums(shape.k, shape.m, dy.layout.row_stride,
                          static_cast<const T*>(elements<T>(dy)), sums.floats(), *launch.device);
  });
  sums.finish();
}

void cuda_batched_gemm(const Launch& launch) {
  const LiveOperand& result = launch.operands[2];
  if (result.layout.repeat > 1) clear_on_device_unless_added_to(result, *launch.device);
  multiply(launch, batched_product(launch), launch.operands[0], launch.operands[1], result);
}

void cuda_attention_forward(const Launch& launch) {
  const auto operand = [&](std::size_t i) -> const LiveOperand& { return launch.operands[i]; };
  const Dtype dtype = launch.kernel.dtype;
  with_element_type(dtype, [&]<typename T>() {
    cuda::attention_forward<T>(attention_shape(launch), heads_of<const T>(operand(0), dtype),
                               heads_of<const T>(operand(1), dtype),
                               heads_of<const T>(operand(2), dtype), heads_of<T>(operand(3), dtype),
                               fp32_elements(operand(4)), *launch.device);
  });
}

void cuda_attention_backward(const Launch& launch) {
  const auto operand = [&](std::size_t i) -> const LiveOperand& { return launch.operands[i]; };
  for (std::size_t i = 6; i < 9; ++i)
    STEPCAST_CHECK(!operand(i).add, "gradients of attention are added to");
  const Dtype dtype = launch.kernel.dtype;
  with_element_type(dtype, [&]<typename T>() {
    cuda::attention_backward<T>(
        attention_shape(launch), heads_of<const T>(operand(0), dtype),
        heads_of<const T>(operand(1), dtype), heads_of<const T>(operand(2), dtype),
        heads_of<const T>(operand(3), dtype), fp32_elements(operand(4)),
        heads_of<const T>(operand(5), dtype), heads_of<T>(operand(6), dtype),
        heads_of<T>(operand(7), dtype), heads_of<T>(operand(8), dtype), *launch.device);
  });
}

}  // namespace stepcast
