// Optimizers and the norm of the gradients.
#include <algorithm>
#include <cmath>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/optimizer.h"
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/cpu_results.h"
#include "kernels/live/launch_shapes.h"

namespace stepcast {
namespace {

/// What gradients are multiplied by, so that their norm is at most `clip`.
float gradient_scale(const Launch& launch) {
  const LiveOperand& squares = launch.operands[0];
  if (!squares || launch.adam.clip <= 0) return 1;
  const double norm = std::sqrt(static_cast<double>(*squares.floats()));
  return static_cast<float>(std::min(1.0, launch.adam.clip / norm));
}

/// 16-bit weights, rounded from their fp32 copy.
void round_weights(const LiveOperand& master, const LiveOperand& weight) {
  with_element_type(weight.dtype, [&]<typename T>() {
    cpu::cast(weight.layout.elements(), master.floats(), elements<T>(weight));
  });
}

/// Calls update(elements, gradient, weights, moments) in fp32 for every piece: on the weights
/// themselves, or on the fp32 copy of 16-bit weights, which are then rounded from it. `moments` are
/// the operands behind the gradient.
template <typename Update>
void for_pieces(const Launch& launch, std::size_t moments, Update update) {
  const std::size_t operands = 3 + moments;
  for (std::size_t i = 1; i + operands <= launch.operands.size(); i += operands) {
    const LiveOperand &weight = launch.operands[i], &master = launch.operands[i + operands - 1];
    if (!weight) continue;
    STEPCAST_CHECK(master || size_of(weight.dtype) == 4, "16-bit weights have no fp32 copy");
    const std::int64_t count = weight.layout.elements();
    float* weights = master ? master.floats() : weight.floats();
    update(count, widened_floats(launch.operands[i + 1], Scratch::kVector), weights,
           &launch.operands[i + 2]);
    if (master) round_weights(master, weight);
  }
}

}  // namespace

void cpu_adam(const Launch& launch) {
  Adam settings = adam_settings(launch);
  settings.gradient_scale = gradient_scale(launch);
  for_pieces(
      launch, 2,
      [&](std::int64_t count, const float* gradient, float* weights, const LiveOperand* moments) {
        cpu::adam(settings, count, gradient, weights, moments[0].floats(), moments[1].floats());
      });
}

void cpu_sgd(const Launch& launch) {
  const Sgd settings{.learning_rate = static_cast<float>(launch.adam.learning_rate),
                     .momentum = static_cast<float>(launch.adam.momentum),
                     .weight_decay = static_cast<float>(launch.adam.weight_decay),
                     .gradient_scale = gradient_scale(launch)};
  for_pieces(
      launch, 1,
      [&](std::int64_t count, const float* gradient, float* weights, const LiveOperand* moments) {
        cpu::sgd(settings, count, gradient, weights, moments[0].floats());
      });
}

void cpu_grad_norm(const Launch& launch) {
  const LiveOperand& result = launch.operands[0];
  double sum = result.add ? *result.floats() : 0;
  for (std::size_t i = 1; i < launch.operands.size(); ++i)
    if (const LiveOperand& gradient = launch.operands[i])
      with_element_type(gradient.dtype, [&]<typename T>() {
        sum += cpu::sum_of_squares(gradient.layout.elements(), elements<T>(gradient));
      });
  *result.floats() = static_cast<float>(sum);
}

void cpu_lamb_direction(const Launch& launch) {
  for (std::size_t i = 0; i + 6 <= launch.operands.size(); i += 6) {
    const auto piece = launch.operands.subspan(i, 6);
    if (!piece[0]) continue;
    const LambNorms norms = cpu::lamb_direction(
        adam_settings(launch), piece[0].layout.elements(), piece[1].floats(), piece[0].floats(),
        piece[2].floats(), piece[3].floats(), piece[4].floats());
    piece[5].floats()[0] = static_cast<float>(norms.weights);
    piece[5].floats()[1] = static_cast<float>(norms.direction);
  }
}

void cpu_lamb_apply(const Launch& launch) {
  for (std::size_t i = 0; i + 4 <= launch.operands.size(); i += 4) {
    const LiveOperand &norms = launch.operands[i], &direction = launch.operands[i + 1],
                      &weight = launch.operands[i + 2], &master = launch.operands[i + 3];
    if (!weight) continue;
    const float ratio = trust_ratio({.weights = norms.floats()[0], .direction = norms.floats()[1]});
    cpu::lamb_apply(static_cast<float>(launch.adam.learning_rate) * ratio, weight.layout.elements(),
                    direction.floats(), master ? master.floats() : weight.floats());
    if (master) round_weights(master, weight);
  }
}

void cpu_clip_gradient(const Launch& launch) {
  if (launch.adam.clip <= 0) return;
  const double norm = std::sqrt(static_cast<double>(*launch.operands[0].floats()));
  const float factor = clip_factor(norm, launch.adam.clip);
  if (factor == 1) return;
  for (std::size_t i = 1; i < launch.operands.size(); ++i)
    if (const LiveOperand& gradient = launch.operands[i])
      with_element_type(gradient.dtype, [&]<typename T>() {
        cpu::scale(gradient.layout.elements(), factor, elements<T>(gradient));
      });
}

}  // namespace stepcast
