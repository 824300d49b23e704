// Kernels that work element by element, and the table.
#include <algorithm>
#include <map>
#include <utility>

#include "kernels/cpu/activation.h"
#include "kernels/cpu/dropout.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/rotary.h"
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/cpu_results.h"
#include "kernels/live/launch_shapes.h"

namespace stepcast {
namespace {

using Function = KernelArguments::Function;

/// Cosines and sines are made once per length and head dimension.
const RotaryTable& rotary_table(std::int64_t positions, std::int64_t head_dim) {
  thread_local std::map<std::pair<std::int64_t, std::int64_t>, RotaryTable> tables;
  return tables.try_emplace({positions, head_dim}, positions, head_dim).first->second;
}

template <typename T>
void rotary(const Launch& launch, bool inverse) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  const RotaryShape shape = rotary_shape(launch, x, y);
  const std::int64_t rotated = launch.arguments.rotated;
  const T* from = elements<T>(x);
  T* to = elements<T>(y);
  cpu::rotary(shape, rotary_table(shape.tokens, shape.head_dim), inverse, from, to);
  if (from == to) return;
  cpu::copy(CopyShape{.rows = x.layout.rows,
                      .cols = x.layout.columns - rotated,
                      .from_stride = x.layout.row_stride,
                      .to_stride = y.layout.row_stride},
            from + rotated, to + rotated);
}

/// Row of the table of positions for a local row of tokens.
std::int64_t position(const Launch& launch, const Layout& tokens, std::int64_t row) {
  return (launch.index * tokens.rows + row) % launch.arguments.sequence;
}

/// Gate and value, or their gradients, as halves of one tensor or apart.
SwigluShape swiglu_shape(const Launch& launch, const LiveOperand& gate, const LiveOperand& value) {
  STEPCAST_CHECK(launch.arguments.function == Function::kSilu, "only SiLU is a gate's function");
  STEPCAST_CHECK(gate.layout.row_stride == value.layout.row_stride,
                 "gate and value have rows of different widths");
  return {.rows = gate.layout.rows, .cols = gate.layout.columns, .stride = gate.layout.row_stride};
}

template <typename T>
void activation_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  cpu::activation_forward<T>(activation_shape(launch, x.layout), elements<T>(x), nullptr,
                             elements<T>(y));
}

template <typename T>
void activation_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1];
  const OverwrittenResult<T> dx(launch.operands[2]);
  cpu::activation_backward<T>(activation_shape(launch, x.layout), elements<T>(x), nullptr,
                              elements<T>(dy), dx.data(), nullptr);
  dx.finish();
}

template <typename T>
void swiglu_forward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &value = launch.operands[1],
                    &y = launch.operands[2];
  cpu::swiglu_forward<T>(swiglu_shape(launch, gate, value), elements<T>(gate), elements<T>(value),
                         elements<T>(y));
}

template <typename T>
void swiglu_backward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &value = launch.operands[1],
                    &dy = launch.operands[2], &dgate = launch.operands[3],
                    &dvalue = launch.operands[4];
  STEPCAST_CHECK(!dgate.add && !dvalue.add && dgate.layout.row_stride == gate.layout.row_stride,
                 "gradients of a gated activation are added to, or lie otherwise than it");
  cpu::swiglu_backward<T>(swiglu_shape(launch, gate, value), elements<T>(gate), elements<T>(value),
                          elements<T>(dy), elements<T>(dgate), elements<T>(dvalue));
}

/// Nothing is dropped: every element of the mask is 1.
template <typename T>
void residual_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &bias = launch.operands[1],
                    &residual = launch.operands[2], &positions = launch.operands[3],
                    &y = launch.operands[4], &mask = launch.operands[5];
  const std::int64_t rows = x.layout.rows, columns = x.layout.columns;
  T* to = elements<T>(y);
  cpu::residual_dropout_forward<T>(DropoutShape{.rows = rows, .cols = columns}, Dropout{},
                                   elements<T>(x), elements<T>(bias), elements<T>(residual), to);
  if (mask) std::fill_n(mask.bytes(), mask.layout.elements(), std::uint8_t{1});
  for (std::int64_t row = 0; positions && row < rows; ++row, to += columns)
    cpu::add(columns, elements<T>(positions) + position(launch, x.layout, row) * columns, to, to);
}

/// Nothing was dropped, so the mask need not be read.
template <typename T>
void residual_backward(const Launch& launch) {
  const LiveOperand &dy = launch.operands[0], &dx = launch.operands[2],
                    &dresidual = launch.operands[3];
  copy_or_add(dy, dx);
  if (dresidual) copy_or_add(dy, dresidual);
  const AddedResult dpositions(launch.operands[4]);
  const std::int64_t columns = dy.layout.columns;
  for (std::int64_t row = 0; dpositions.floats() && row < dy.layout.rows; ++row)
    cpu::accumulate(columns, elements<T>(dy) + row * columns,
                    dpositions.floats() + position(launch, dy.layout, row) * columns);
  dpositions.finish();
}

}  // namespace

void cpu_activation_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { activation_forward<T>(launch); });
}
void cpu_activation_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { activation_backward<T>(launch); });
}
void cpu_swiglu_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { swiglu_forward<T>(launch); });
}
void cpu_swiglu_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { swiglu_backward<T>(launch); });
}
void cpu_residual_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { residual_forward<T>(launch); });
}
void cpu_residual_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { residual_backward<T>(launch); });
}
void cpu_rotary_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { rotary<T>(launch, false); });
}
void cpu_rotary_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { rotary<T>(launch, true); });
}

/// Copies, or additions where a piece says so.
void cpu_copy(const Launch& launch) {
  for (std::size_t i = 0; i + 1 < launch.operands.size(); i += 2)
    if (launch.operands[i]) copy_or_add(launch.operands[i], launch.operands[i + 1]);
}

namespace {

/// In the order of KernelKind.
constexpr Launcher kTable[] = {
    cpu_gemm_forward,
    cpu_gemm_dgrad,
    cpu_gemm_wgrad,
    cpu_batched_gemm,
    cpu_batched_gemm,
    cpu_attention_forward,
    cpu_attention_backward,
    cpu_softmax_forward,
    cpu_softmax_backward,
    cpu_layer_norm_forward,
    cpu_layer_norm_backward,
    cpu_rms_norm_forward,
    cpu_rms_norm_backward,
    cpu_activation_forward,
    cpu_activation_backward,
    cpu_swiglu_forward,
    cpu_swiglu_backward,
    cpu_rotary_forward,
    cpu_rotary_backward,
    cpu_residual_forward,
    cpu_residual_backward,
    cpu_embedding_forward,
    cpu_embedding_backward,
    cpu_cross_entropy_forward,
    cpu_cross_entropy_backward,
    cpu_copy,
    cpu_copy,
    cpu_copy,
    cpu_adam,
    cpu_sgd,
    cpu_grad_norm,
    cpu_convolution_forward,
    cpu_convolution_dgrad,
    cpu_convolution_wgrad,
    cpu_batch_norm_forward,
    cpu_batch_norm_backward,
    cpu_max_pooling_forward,
    cpu_max_pooling_backward,
    cpu_average_pooling_forward,
    cpu_average_pooling_backward,
    cpu_top_k,
    cpu_add_sparse,
    cpu_quantize,
    cpu_dequantize,
    cpu_lamb_direction,
    cpu_lamb_apply,
    cpu_clip_gradient,
};
static_assert(std::size(kTable) == kNumKernelKinds);

}  // namespace

LauncherTable cpu_launchers() { return kTable; }

}  // namespace stepcast
