// Kernels that work element by element, and the optimizer.
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

/// What gradients are multiplied by, so that their norm is at most `clip`.
double gradient_factor(const Launch& launch) {
  const LiveOperand& squares = launch.operands[0];
  if (!squares || launch.adam.clip <= 0) return 1;
  return std::min(1.0, launch.adam.clip / std::sqrt(static_cast<double>(squares.floats()[0])));
}

/// The numbers that are updated, and what is read afterwards: fp32 weights are both, 16-bit ones
/// are rounded from their copy.
struct UpdatedWeight {
  const LiveOperand &weight, &master;
  double get(std::int64_t e) const { return master ? master.floats()[e] : weight.floats()[e]; }
  void put(std::int64_t e, double value) const {
    if (master) master.floats()[e] = static_cast<float>(value);
    write(weight, e, value);
  }
};

}  // namespace

/// Kingma and Ba 2015, algorithm 1, with the decay of weights taken out of the gradient.
void reference_adam(const Launch& launch) {
  const AdamSettings& adam = launch.adam;
  const double factor = gradient_factor(launch);
  const auto t = static_cast<double>(launch.step);
  const double correct1 = 1 - std::pow(adam.beta1, t), correct2 = 1 - std::pow(adam.beta2, t);
  for (std::size_t i = 1; i < launch.operands.size(); i += 5) {
    const LiveOperand &weight = launch.operands[i], &gradient = launch.operands[i + 1];
    const UpdatedWeight updated{weight, launch.operands[i + 4]};
    float *m = launch.operands[i + 2].floats(), *v = launch.operands[i + 3].floats();
    for (std::int64_t e = 0; weight && e < weight.layout.columns; ++e) {
      const double g = factor * read(gradient, e);
      const double m1 = adam.beta1 * m[e] + (1 - adam.beta1) * g;
      const double m2 = adam.beta2 * v[e] + (1 - adam.beta2) * g * g;
      m[e] = static_cast<float>(m1);
      v[e] = static_cast<float>(m2);
      const double step = m1 / correct1 / (std::sqrt(m2 / correct2) + adam.epsilon);
      const double w = updated.get(e);
      updated.put(e, w - adam.learning_rate * (step + adam.weight_decay * w));
    }
  }
}

/// torch.optim.SGD with momentum: u = momentum u + g + decay w, then w -= rate u.
void reference_sgd(const Launch& launch) {
  const double factor = gradient_factor(launch);
  for (std::size_t i = 1; i < launch.operands.size(); i += 4) {
    const LiveOperand &weight = launch.operands[i], &gradient = launch.operands[i + 1];
    const UpdatedWeight updated{weight, launch.operands[i + 3]};
    float* momentum = launch.operands[i + 2].floats();
    for (std::int64_t e = 0; weight && e < weight.layout.columns; ++e) {
      const double w = updated.get(e);
      const double u = launch.adam.momentum * momentum[e] + factor * read(gradient, e) +
                       launch.adam.weight_decay * w;
      momentum[e] = static_cast<float>(u);
      updated.put(e, w - launch.adam.learning_rate * u);
    }
  }
}

void reference_grad_norm(const Launch& launch) {
  double sum = 0;
  for (std::size_t i = 1; i < launch.operands.size(); ++i) {
    const LiveOperand& gradient = launch.operands[i];
    for (std::int64_t e = 0; gradient && e < gradient.layout.columns; ++e) {
      const double g = read(gradient, e);
      sum += g * g;
    }
  }
  put(launch.operands[0], 0, 0, sum);
}

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
};

}  // namespace

LauncherTable reference_launchers() { return kTable; }

}  // namespace stepcast
