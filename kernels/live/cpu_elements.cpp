// Kernels that work element by element, the optimizer, and the table.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "kernels/cpu/activation.h"
#include "kernels/cpu/dropout.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/optimizer.h"
#include "kernels/cpu/rotary.h"
#include "kernels/live/cpu_launchers.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

using Function = KernelArguments::Function;

Activation activation_of(Function function) {
  STEPCAST_CHECK(function != Function::kSilu, "SiLU is a gate's function only");
  return function == Function::kGelu ? Activation::kGeluTanh : Activation::kRelu;
}

ActivationShape activation_shape(const Launch& launch, const Layout& layout) {
  return {.kind = activation_of(launch.arguments.function),
          .rows = layout.rows,
          .cols = layout.columns};
}

/// Cosines and sines are made once per length and head dimension.
const RotaryTable& rotary_table(std::int64_t positions, std::int64_t head_dim) {
  thread_local std::map<std::pair<std::int64_t, std::int64_t>, RotaryTable> tables;
  return tables.try_emplace({positions, head_dim}, positions, head_dim).first->second;
}

void rotary(const Launch& launch, bool inverse) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  STEPCAST_CHECK(x.layout.row_stride == y.layout.row_stride && !y.add,
                 "a rotation changes the layout or is added to");
  const std::int64_t sequence = launch.arguments.sequence, head_dim = launch.arguments.head_dim,
                     rotated = launch.arguments.rotated;
  cpu::rotary(RotaryShape{.sequences = x.layout.rows / sequence,
                          .tokens = sequence,
                          .heads = rotated / head_dim,
                          .head_dim = head_dim,
                          .stride = x.layout.row_stride},
              rotary_table(sequence, head_dim), inverse, x.floats(), y.floats());
  if (x.floats() == y.floats()) return;
  cpu::copy(CopyShape{.rows = x.layout.rows,
                      .cols = x.layout.columns - rotated,
                      .from_stride = x.layout.row_stride,
                      .to_stride = y.layout.row_stride},
            x.floats() + rotated, y.floats() + rotated);
}

/// Row of the table of positions for a local row of tokens.
std::int64_t position(const Launch& launch, const Layout& tokens, std::int64_t row) {
  return (launch.index * tokens.rows + row) % launch.arguments.sequence;
}

void copy_or_add(const LiveOperand& x, const LiveOperand& y) {
  const CopyShape block{.rows = x.layout.rows,
                        .cols = x.layout.columns,
                        .from_stride = x.layout.row_stride,
                        .to_stride = y.layout.row_stride};
  if (!y.add) return cpu::copy(block, x.floats(), y.floats());
  for (std::int64_t row = 0; row < block.rows; ++row)
    cpu::accumulate(block.cols, x.floats() + row * block.from_stride,
                    y.floats() + row * block.to_stride);
}

/// Gate and value, or their gradients, as halves of one tensor or apart.
SwigluShape swiglu_shape(const Launch& launch, const LiveOperand& gate, const LiveOperand& value) {
  STEPCAST_CHECK(launch.arguments.function == Function::kSilu, "only SiLU is a gate's function");
  STEPCAST_CHECK(gate.layout.row_stride == value.layout.row_stride,
                 "gate and value have rows of different widths");
  return {.rows = gate.layout.rows, .cols = gate.layout.columns, .stride = gate.layout.row_stride};
}

}  // namespace

void clear_unless_added_to(const LiveOperand& result) {
  if (result.add) return;
  const Layout& layout = result.layout;
  const std::int64_t heads = layout.inner.count / layout.repeat;
  for (std::int64_t matrix = 0; matrix < layout.outer.count * heads; ++matrix) {
    float* first = result.floats() + matrix / heads * layout.outer.stride +
                   matrix % heads * layout.inner.stride;
    for (std::int64_t row = 0; row < layout.rows; ++row)
      std::fill_n(first + row * layout.row_stride, layout.columns, 0.0F);
  }
}

OverwrittenResult::OverwrittenResult(const LiveOperand& result) : result_(result) {
  thread_local std::vector<float> scratch;
  to_ = result.floats();
  if (!result.add) return;
  STEPCAST_CHECK(result.layout.contiguous(), "a result with gaps is added to");
  scratch.resize(static_cast<std::size_t>(result.layout.elements()));
  to_ = scratch.data();
}

void OverwrittenResult::finish() const {
  if (result_.add) cpu::accumulate(result_.layout.elements(), to_, result_.floats());
}

void cpu_activation_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  cpu::activation_forward<float>(activation_shape(launch, x.layout), x.floats(), nullptr,
                                 y.floats());
}

void cpu_activation_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1];
  const OverwrittenResult dx(launch.operands[2]);
  cpu::activation_backward<float>(activation_shape(launch, x.layout), x.floats(), nullptr,
                                  dy.floats(), dx.floats(), nullptr);
  dx.finish();
}

void cpu_swiglu_forward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &value = launch.operands[1],
                    &y = launch.operands[2];
  cpu::swiglu_forward<float>(swiglu_shape(launch, gate, value), gate.floats(), value.floats(),
                             y.floats());
}

void cpu_swiglu_backward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &value = launch.operands[1],
                    &dy = launch.operands[2], &dgate = launch.operands[3],
                    &dvalue = launch.operands[4];
  STEPCAST_CHECK(!dgate.add && !dvalue.add && dgate.layout.row_stride == gate.layout.row_stride,
                 "gradients of a gated activation are added to, or lie otherwise than it");
  cpu::swiglu_backward<float>(swiglu_shape(launch, gate, value), gate.floats(), value.floats(),
                              dy.floats(), dgate.floats(), dvalue.floats());
}

void cpu_rotary_forward(const Launch& launch) { rotary(launch, false); }
void cpu_rotary_backward(const Launch& launch) { rotary(launch, true); }

/// Nothing is dropped: every element of the mask is 1.
void cpu_residual_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &bias = launch.operands[1],
                    &residual = launch.operands[2], &positions = launch.operands[3],
                    &y = launch.operands[4], &mask = launch.operands[5];
  const std::int64_t rows = x.layout.rows, columns = x.layout.columns;
  cpu::residual_dropout_forward<float>(DropoutShape{.rows = rows, .cols = columns}, Dropout{},
                                       x.floats(), bias ? bias.floats() : nullptr,
                                       residual ? residual.floats() : nullptr, y.floats());
  if (mask) std::fill_n(mask.bytes(), mask.layout.elements(), std::uint8_t{1});
  for (std::int64_t row = 0; positions && row < rows; ++row)
    cpu::accumulate(columns, positions.floats() + position(launch, x.layout, row) * columns,
                    y.floats() + row * columns);
}

/// Nothing was dropped, so the mask need not be read.
void cpu_residual_backward(const Launch& launch) {
  const LiveOperand &dy = launch.operands[0], &dx = launch.operands[2],
                    &dresidual = launch.operands[3], &dpositions = launch.operands[4];
  copy_or_add(dy, dx);
  if (dresidual) copy_or_add(dy, dresidual);
  if (!dpositions) return;
  clear_unless_added_to(dpositions);
  const std::int64_t columns = dy.layout.columns;
  for (std::int64_t row = 0; row < dy.layout.rows; ++row)
    cpu::accumulate(columns, dy.floats() + row * columns,
                    dpositions.floats() + position(launch, dy.layout, row) * columns);
}

/// Copies, or additions where a piece says so.
void cpu_copy(const Launch& launch) {
  for (std::size_t i = 0; i + 1 < launch.operands.size(); i += 2)
    if (launch.operands[i]) copy_or_add(launch.operands[i], launch.operands[i + 1]);
}

namespace {

/// What gradients are multiplied by, so that their norm is at most `clip`.
float gradient_scale(const Launch& launch) {
  const LiveOperand& squares = launch.operands[0];
  if (!squares || launch.adam.clip <= 0) return 1;
  const double norm = std::sqrt(static_cast<double>(*squares.floats()));
  return static_cast<float>(std::min(1.0, launch.adam.clip / norm));
}

}  // namespace

void cpu_adam(const Launch& launch) {
  const Adam settings{.learning_rate = static_cast<float>(launch.adam.learning_rate),
                      .beta1 = static_cast<float>(launch.adam.beta1),
                      .beta2 = static_cast<float>(launch.adam.beta2),
                      .epsilon = static_cast<float>(launch.adam.epsilon),
                      .weight_decay = static_cast<float>(launch.adam.weight_decay),
                      .gradient_scale = gradient_scale(launch),
                      .step = launch.step};
  for (std::size_t i = 1; i + 4 < launch.operands.size(); i += 5) {
    const LiveOperand& weight = launch.operands[i];
    if (!weight) continue;
    cpu::adam(settings, weight.layout.columns, launch.operands[i + 1].floats(), weight.floats(),
              launch.operands[i + 2].floats(), launch.operands[i + 3].floats());
  }
}

void cpu_sgd(const Launch& launch) {
  const Sgd settings{.learning_rate = static_cast<float>(launch.adam.learning_rate),
                     .momentum = static_cast<float>(launch.adam.momentum),
                     .weight_decay = static_cast<float>(launch.adam.weight_decay),
                     .gradient_scale = gradient_scale(launch)};
  for (std::size_t i = 1; i + 3 < launch.operands.size(); i += 4) {
    const LiveOperand& weight = launch.operands[i];
    if (!weight) continue;
    cpu::sgd(settings, weight.layout.columns, launch.operands[i + 1].floats(), weight.floats(),
             launch.operands[i + 2].floats());
  }
}

void cpu_grad_norm(const Launch& launch) {
  const LiveOperand& result = launch.operands[0];
  double sum = result.add ? *result.floats() : 0;
  for (std::size_t i = 1; i < launch.operands.size(); ++i)
    if (const LiveOperand& gradient = launch.operands[i])
      sum += cpu::sum_of_squares(gradient.layout.columns, gradient.floats());
  *result.floats() = static_cast<float>(sum);
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
};

}  // namespace

LauncherTable cpu_launchers() { return kTable; }

}  // namespace stepcast
