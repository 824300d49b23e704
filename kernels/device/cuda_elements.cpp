// Kernels that work element by element, and the table.
#include <array>
#include <map>
#include <utility>

#include "kernels/device/cuda_launchers.h"
#include "kernels/device/device_results.h"
#include "kernels/live/launch_shapes.h"
#include "kernels/ops/activation.h"
#include "kernels/ops/dropout.h"
#include "kernels/ops/elementwise.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/rotary.h"

namespace stepcast {
namespace {

using Function = KernelArguments::Function;

/// Cosines and sines are made, and copied to the device, once per length and head dimension.
class RotaryTables {
 public:
  explicit RotaryTables(DeviceContext& /*context*/) {}
  const cuda::DeviceRotaryTable& of(std::int64_t positions, std::int64_t head_dim) {
    return tables_.try_emplace({positions, head_dim}, RotaryTable(positions, head_dim))
        .first->second;
  }

 private:
  std::map<std::pair<std::int64_t, std::int64_t>, cuda::DeviceRotaryTable> tables_;
};

void rotary(const Launch& launch, bool inverse) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  const RotaryShape shape = rotary_shape(launch, x, y);
  const std::int64_t rotated = launch.arguments.rotated;
  const cuda::DeviceRotaryTable& table =
      launch.device->library<RotaryTables>().of(shape.tokens, shape.head_dim);
  with_element_type(x.dtype, [&]<typename T>() {
    const T* from = elements<T>(x);
    T* to = elements_of_type<T>(y, x.dtype);
    cuda::rotary(shape, table, inverse, from, to, *launch.device);
    if (from == to) return;
    cuda::copy(CopyShape{.rows = x.layout.rows,
                         .cols = x.layout.columns - rotated,
                         .from_stride = x.layout.row_stride,
                         .to_stride = y.layout.row_stride},
               from + rotated, to + rotated, false, *launch.device);
  });
}

/// Gate and value, or their gradients, as halves of one tensor or apart.
SwigluShape swiglu_shape(const Launch& launch, const LiveOperand& gate, const LiveOperand& value) {
  STEPCAST_CHECK(launch.arguments.function == Function::kSilu, "only SiLU is a gate's function");
  STEPCAST_CHECK(gate.layout.row_stride == value.layout.row_stride,
                 "gate and value have rows of different widths");
  return {.rows = gate.layout.rows, .cols = gate.layout.columns, .stride = gate.layout.row_stride};
}

/// First row of the table of positions that local tokens have.
std::int64_t first_position(const Launch& launch, const Layout& tokens) {
  return launch.index * tokens.rows % launch.arguments.sequence;
}

}  // namespace

void cuda_activation_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  with_element_type(x.dtype, [&]<typename T>() {
    cuda::activation_forward<T>(activation_shape(launch, x.layout), elements<T>(x), nullptr,
                                elements_of_type<T>(y, x.dtype), *launch.device);
  });
}

void cuda_activation_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1];
  with_element_type(x.dtype, [&]<typename T>() {
    const OverwrittenOnDevice<T> dx(launch.operands[2], *launch.device);
    cuda::activation_backward<T>(activation_shape(launch, x.layout), elements<T>(x), nullptr,
                                 elements_of_type<T>(dy, x.dtype), dx.data(), nullptr,
                                 *launch.device);
    dx.finish();
  });
}

void cuda_swiglu_forward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &value = launch.operands[1],
                    &y = launch.operands[2];
  with_element_type(gate.dtype, [&]<typename T>() {
    cuda::swiglu_forward<T>(swiglu_shape(launch, gate, value), elements<T>(gate),
                            elements_of_type<T>(value, gate.dtype),
                            elements_of_type<T>(y, gate.dtype), *launch.device);
  });
}

void cuda_swiglu_backward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &value = launch.operands[1],
                    &dy = launch.operands[2], &dgate = launch.operands[3],
                    &dvalue = launch.operands[4];
  STEPCAST_CHECK(!dgate.add && !dvalue.add && dgate.layout.row_stride == gate.layout.row_stride,
                 "gradients of a gated activation are added to, or lie otherwise than it");
  with_element_type(gate.dtype, [&]<typename T>() {
    const auto at = [&](const LiveOperand& operand) {
      return elements_of_type<T>(operand, gate.dtype);
    };
    cuda::swiglu_backward<T>(swiglu_shape(launch, gate, value), at(gate), at(value), at(dy),
                             at(dgate), at(dvalue), *launch.device);
  });
}

void cuda_rotary_forward(const Launch& launch) { rotary(launch, false); }
void cuda_rotary_backward(const Launch& launch) { rotary(launch, true); }

/// Nothing is dropped: every element of the mask is 1.
void cuda_residual_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &bias = launch.operands[1],
                    &residual = launch.operands[2], &positions = launch.operands[3],
                    &y = launch.operands[4], &mask = launch.operands[5];
  const std::int64_t rows = x.layout.rows, columns = x.layout.columns;
  with_element_type(x.dtype, [&]<typename T>() {
    const auto at = [&](const LiveOperand& operand) {
      return elements_of_type<T>(operand, x.dtype);
    };
    cuda::residual_dropout_forward<T>({.rows = rows, .cols = columns}, Dropout{}, at(x), at(bias),
                                      at(residual), at(y), *launch.device);
    if (positions)
      cuda::add_positions<T>(rows, columns, first_position(launch, x.layout),
                             launch.arguments.sequence, at(positions), at(y), *launch.device);
  });
  keep_all_on_device(mask, *launch.device);
}

/// Nothing was dropped, so the mask need not be read.
void cuda_residual_backward(const Launch& launch) {
  const LiveOperand &dy = launch.operands[0], &dx = launch.operands[2],
                    &dresidual = launch.operands[3], &dpositions = launch.operands[4];
  copy_or_add_on_device(dy, dx, *launch.device);
  if (dresidual) copy_or_add_on_device(dy, dresidual, *launch.device);
  if (!dpositions) return;
  const AddedOnDevice sums(dpositions, *launch.device);
  with_element_type(dy.dtype, [&]<typename T>() {
    cuda::add_repeated_rows<T>(dy.layout.rows, dy.layout.columns, first_position(launch, dy.layout),
                               launch.arguments.sequence, elements<T>(dy), sums.floats(),
                               *launch.device);
  });
  sums.finish();
}

/// Copies, or additions where a piece says so.
void cuda_copy(const Launch& launch) {
  for (std::size_t i = 0; i + 1 < launch.operands.size(); i += 2)
    if (launch.operands[i])
      copy_or_add_on_device(launch.operands[i], launch.operands[i + 1], *launch.device);
}

namespace {

constexpr auto kTable = [] {
  using enum KernelKind;
  std::array<Launcher, kNumKernelKinds> table{};
  const auto set = [&](KernelKind kind, Launcher launcher) {
    table[static_cast<std::size_t>(kind)] = launcher;
  };
  set(kGemmForward, cuda_gemm_forward);
  set(kGemmDgrad, cuda_gemm_dgrad);
  set(kGemmWgrad, cuda_gemm_wgrad);
  set(kBatchedGemmForward, cuda_batched_gemm);
  set(kBatchedGemmBackward, cuda_batched_gemm);
  set(kFlashAttentionForward, cuda_attention_forward);
  set(kFlashAttentionBackward, cuda_attention_backward);
  set(kScoreSoftmaxForward, cuda_softmax_forward);
  set(kScoreSoftmaxBackward, cuda_softmax_backward);
  set(kLayerNormForward, cuda_layer_norm_forward);
  set(kLayerNormBackward, cuda_layer_norm_backward);
  set(kRmsNormForward, cuda_rms_norm_forward);
  set(kRmsNormBackward, cuda_rms_norm_backward);
  set(kGeluForward, cuda_activation_forward);
  set(kGeluBackward, cuda_activation_backward);
  set(kSwigluForward, cuda_swiglu_forward);
  set(kSwigluBackward, cuda_swiglu_backward);
  set(kRotaryForward, cuda_rotary_forward);
  set(kRotaryBackward, cuda_rotary_backward);
  set(kResidualDropoutForward, cuda_residual_forward);
  set(kResidualDropoutBackward, cuda_residual_backward);
  set(kEmbeddingForward, cuda_embedding_forward);
  set(kEmbeddingBackward, cuda_embedding_backward);
  set(kCrossEntropyForward, cuda_cross_entropy_forward);
  set(kCrossEntropyBackward, cuda_cross_entropy_backward);
  set(kCopy, cuda_copy);
  set(kAccumulate, cuda_copy);
  set(kAddGradient, cuda_copy);
  set(kAdam, cuda_adam);
  set(kSgd, cuda_sgd);
  set(kGradNorm, cuda_grad_norm);
  set(kConvolutionForward, cuda_convolution_forward);
  set(kConvolutionDgrad, cuda_convolution_dgrad);
  set(kConvolutionWgrad, cuda_convolution_wgrad);
  set(kBatchNormForward, cuda_batch_norm_forward);
  set(kBatchNormBackward, cuda_batch_norm_backward);
  set(kMaxPoolingForward, cuda_max_pooling_forward);
  set(kMaxPoolingBackward, cuda_max_pooling_backward);
  set(kAveragePoolingForward, cuda_average_pooling_forward);
  set(kAveragePoolingBackward, cuda_average_pooling_backward);
  set(kTopK, cuda_top_k);
  set(kAddSparse, cuda_add_sparse);
  set(kQuantize, cuda_quantize);
  set(kDequantize, cuda_dequantize);
  set(kLambDirection, cuda_lamb_direction);
  set(kLambApply, cuda_lamb_apply);
  set(kClipGradient, cuda_clip_gradient);
  return table;
}();

}  // namespace

LauncherTable cuda_launchers() { return kTable; }

}  // namespace stepcast
