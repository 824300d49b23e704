// Optimizers, the norm of the gradients, and clipping.
#include <algorithm>
#include <cmath>

#include "kernels/live/reference_access.h"
#include "kernels/live/reference_launchers.h"

namespace stepcast {
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

double sum_of_squares(std::int64_t n, const float* x) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

}  // namespace

/// You et al. 2020, algorithm 2, up to the norms.
void reference_lamb_direction(const Launch& launch) {
  const AdamSettings& adam = launch.adam;
  const auto t = static_cast<double>(launch.step);
  const double correct1 = 1 - std::pow(adam.beta1, t), correct2 = 1 - std::pow(adam.beta2, t);
  for (std::size_t i = 0; i < launch.operands.size(); i += 6) {
    const LiveOperand &weight = launch.operands[i], &norms = launch.operands[i + 5];
    if (!weight) continue;
    const float *w = weight.floats(), *g = launch.operands[i + 1].floats();
    float *m = launch.operands[i + 2].floats(), *v = launch.operands[i + 3].floats(),
          *direction = launch.operands[i + 4].floats();
    const std::int64_t count = weight.layout.elements();
    for (std::int64_t e = 0; e < count; ++e) {
      const double m1 = adam.beta1 * m[e] + (1 - adam.beta1) * g[e];
      const double m2 = adam.beta2 * v[e] + (1 - adam.beta2) * g[e] * g[e];
      m[e] = static_cast<float>(m1);
      v[e] = static_cast<float>(m2);
      direction[e] = static_cast<float>(m1 / correct1 / (std::sqrt(m2 / correct2) + adam.epsilon) +
                                        adam.weight_decay * w[e]);
    }
    put(norms, 0, 0, sum_of_squares(count, w));
    put(norms, 0, 1, sum_of_squares(count, direction));
  }
}

/// And from the norms: w -= rate |w| / |direction| direction.
void reference_lamb_apply(const Launch& launch) {
  for (std::size_t i = 0; i < launch.operands.size(); i += 4) {
    const LiveOperand &norms = launch.operands[i], &direction = launch.operands[i + 1],
                      &weight = launch.operands[i + 2];
    if (!weight) continue;
    const UpdatedWeight updated{weight, launch.operands[i + 3]};
    const double of_weights = get(norms, 0, 0), of_direction = get(norms, 0, 1);
    const double ratio =
        of_weights == 0 || of_direction == 0 ? 1 : std::sqrt(of_weights / of_direction);
    for (std::int64_t e = 0; e < weight.layout.elements(); ++e)
      updated.put(e, updated.get(e) - launch.adam.learning_rate * ratio * direction.floats()[e]);
  }
}

/// torch.nn.utils.clip_grad_norm_.
void reference_clip_gradient(const Launch& launch) {
  if (launch.adam.clip <= 0) return;
  const double norm = std::sqrt(static_cast<double>(*launch.operands[0].floats()));
  const double factor = std::min(1.0, launch.adam.clip / (norm + 1e-6));
  for (std::size_t i = 1; i < launch.operands.size(); ++i) {
    const LiveOperand& gradient = launch.operands[i];
    for (std::int64_t e = 0; gradient && e < gradient.layout.elements(); ++e)
      write(gradient, e, factor * read(gradient, e));
  }
}

}  // namespace stepcast
