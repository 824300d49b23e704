// Kernels that work element by element, and the table.
#include <algorithm>
#include <cmath>

#include "kernels/live/reference_access.h"
#include "kernels/live/reference_launchers.h"

namespace stepcast {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kRotaryBase = 10000;  // Su et al. 2021, section 3.2.2

using Function = KernelArguments::Function;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// The tanh form of GELU [Hendrycks and Gimpel 2016, section 2].
double value_of(Function function, double x) {
  switch (function) {
    case Function::kGelu:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x)));
    case Function::kRelu:
      return x > 0 ? x : 0;
    case Function::kSilu:
      return x * sigmoid(x);
  }
  return 0;
}

double slope_of(Function function, double x) {
  switch (function) {
    case Function::kGelu: {
      const double t = std::tanh(std::sqrt(2 / kPi) * (x + 0.044715 * x * x * x));
      const double inner = std::sqrt(2 / kPi) * (1 + 3 * 0.044715 * x * x);
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner;
    }
    case Function::kRelu:
      return x > 0 ? 1 : 0;
    case Function::kSilu:
      return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
  }
  return 0;
}

template <typename Visit>
void for_each(const Layout& layout, Visit visit) {
  for (std::int64_t r = 0; r < layout.rows; ++r)
    for (std::int64_t c = 0; c < layout.columns; ++c) visit(r, c);
}

/// Pairs are (i, i + head_dim / 2), as in GPT-NeoX and Llama.
void rotary(const Launch& launch, double direction) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  const std::int64_t dim = launch.arguments.head_dim, half = dim / 2;
  for_each(x.layout, [&](std::int64_t r, std::int64_t c) {
    if (c >= launch.arguments.rotated) return put(y, r, c, get(x, r, c));
    const std::int64_t in_head = c % dim, pair = in_head % half;
    const double angle =
        direction * static_cast<double>(r % launch.arguments.sequence) *
        std::pow(kRotaryBase, -2 * static_cast<double>(pair) / static_cast<double>(dim));
    const bool first = in_head < half;
    const double other = get(x, r, first ? c + half : c - half);
    put(y, r, c, get(x, r, c) * std::cos(angle) + (first ? -1 : 1) * other * std::sin(angle));
  });
}

std::int64_t position(const Launch& launch, const LiveOperand& x, std::int64_t row) {
  return (launch.index * x.layout.rows + row) % launch.arguments.sequence;
}

}  // namespace

void reference_activation_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &y = launch.operands[1];
  for_each(x.layout, [&](std::int64_t r, std::int64_t c) {
    put(y, r, c, value_of(launch.arguments.function, get(x, r, c)));
  });
}

void reference_activation_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1], &dx = launch.operands[2];
  for_each(x.layout, [&](std::int64_t r, std::int64_t c) {
    put(dx, r, c, get(dy, r, c) * slope_of(launch.arguments.function, get(x, r, c)));
  });
}

void reference_swiglu_forward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &factor = launch.operands[1],
                    &y = launch.operands[2];
  for_each(y.layout, [&](std::int64_t r, std::int64_t c) {
    put(y, r, c, value_of(launch.arguments.function, get(gate, r, c)) * get(factor, r, c));
  });
}

void reference_swiglu_backward(const Launch& launch) {
  const LiveOperand &gate = launch.operands[0], &factor = launch.operands[1],
                    &dy = launch.operands[2], &dgate = launch.operands[3],
                    &dfactor = launch.operands[4];
  for_each(dy.layout, [&](std::int64_t r, std::int64_t c) {
    const double g = get(gate, r, c), d = get(dy, r, c);
    const double f = get(factor, r, c);
    put(dgate, r, c, d * f * slope_of(launch.arguments.function, g));
    put(dfactor, r, c, d * value_of(launch.arguments.function, g));
  });
}

void reference_rotary_forward(const Launch& launch) { rotary(launch, 1); }
void reference_rotary_backward(const Launch& launch) { rotary(launch, -1); }

/// Nothing is dropped: every element of the mask is 1.
void reference_residual_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &bias = launch.operands[1],
                    &residual = launch.operands[2], &positions = launch.operands[3],
                    &y = launch.operands[4], &mask = launch.operands[5];
  for_each(x.layout, [&](std::int64_t r, std::int64_t c) {
    double value = get(x, r, c);
    if (bias) value += get(bias, 0, c);
    if (positions) value += get(positions, position(launch, x, r), c);
    if (mask) mask.bytes()[element_at(mask.layout, 0, r, c)] = 1;
    if (residual) value += get(residual, r, c);
    put(y, r, c, value);
  });
}

void reference_residual_backward(const Launch& launch) {
  const LiveOperand &dy = launch.operands[0], &mask = launch.operands[1], &dx = launch.operands[2],
                    &dresidual = launch.operands[3];
  LiveOperand dpositions = launch.operands[4];
  if (dpositions) clear(dpositions);
  dpositions.add = true;
  for_each(dy.layout, [&](std::int64_t r, std::int64_t c) {
    const double kept = mask ? mask.bytes()[element_at(mask.layout, 0, r, c)] : 1;
    const double d = get(dy, r, c);
    put(dx, r, c, d * kept);
    if (dresidual) put(dresidual, r, c, d);
    if (dpositions) put(dpositions, position(launch, dy, r), c, d * kept);
  });
}

void reference_copy(const Launch& launch) {
  for (std::size_t i = 0; i + 1 < launch.operands.size(); i += 2) {
    const LiveOperand &x = launch.operands[i], &y = launch.operands[i + 1];
    if (x) for_each(x.layout, [&](std::int64_t r, std::int64_t c) { put(y, r, c, get(x, r, c)); });
  }
}

void reference_add(const Launch& launch) { reference_copy(launch); }

namespace {

/// In the order of KernelKind.
constexpr Launcher kTable[] = {
    reference_gemm_forward,
    reference_gemm_dgrad,
    reference_gemm_wgrad,
    reference_batched_gemm,
    reference_batched_gemm,
    reference_attention_forward,
    reference_attention_backward,
    reference_softmax_forward,
    reference_softmax_backward,
    reference_layer_norm_forward,
    reference_layer_norm_backward,
    reference_rms_norm_forward,
    reference_rms_norm_backward,
    reference_activation_forward,
    reference_activation_backward,
    reference_swiglu_forward,
    reference_swiglu_backward,
    reference_rotary_forward,
    reference_rotary_backward,
    reference_residual_forward,
    reference_residual_backward,
    reference_embedding_forward,
    reference_embedding_backward,
    reference_cross_entropy_forward,
    reference_cross_entropy_backward,
    reference_copy,
    reference_add,
    reference_add,
    reference_adam,
    reference_sgd,
    reference_grad_norm,
    reference_convolution_forward,
    reference_convolution_dgrad,
    reference_convolution_wgrad,
    reference_batch_norm_forward,
    reference_batch_norm_backward,
    reference_max_pooling_forward,
    reference_max_pooling_backward,
    reference_average_pooling_forward,
    reference_average_pooling_backward,
    reference_top_k,
    reference_add_sparse,
    reference_quantize,
    reference_dequantize,
    reference_lamb_direction,
    reference_lamb_apply,
    reference_clip_gradient,
};
static_assert(std::size(kTable) == kNumKernelKinds);

}  // namespace

LauncherTable reference_launchers() { return kTable; }

}  // namespace stepcast
