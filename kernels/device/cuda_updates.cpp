// Optimizers and the norm of the gradients.
#include "kernels/device/cuda_launchers.h"
#include "kernels/device/device_results.h"
#include "kernels/live/launch_shapes.h"
#include "kernels/ops/optimizer.h"

namespace stepcast {
namespace {

/// Clipping by the norm that operand 0 holds the square of.
cuda::Clip clip_of(const Launch& launch) {
  const LiveOperand& square = launch.operands[0];
  return {square && launch.adam.clip > 0 ? fp32_elements(square) : nullptr, launch.adam.clip};
}

/// Calls update.operator()<G, C>(elements, gradient, fp32 weights, moments, copy of the weights)
/// for every piece. 16-bit weights are a copy of fp32 ones, and their gradients fp32 or of their
/// type; `moments` are the operands behind the gradient.
template <typename Update>
void for_pieces(const Launch& launch, std::size_t moments, Update update) {
  const std::size_t operands = 3 + moments;
  for (std::size_t i = 1; i + operands <= launch.operands.size(); i += operands) {
    const LiveOperand &weight = launch.operands[i], &gradient = launch.operands[i + 1],
                      &master = launch.operands[i + operands - 1];
    if (!weight) continue;
    const std::int64_t n = weight.layout.elements();
    const LiveOperand* const state = &launch.operands[i + 2];
    if (!master) {
      update.template operator()<float, float>(n, fp32_elements(gradient), fp32_elements(weight),
                                               state, nullptr);
      continue;
    }
    with_element_type(weight.dtype, [&]<typename C>() {
      if (size_of(gradient.dtype) == sizeof(float))
        update.template operator()<float, C>(n, elements<float>(gradient), fp32_elements(master),
                                             state, elements<C>(weight));
      else
        update.template operator()<C, C>(n, elements_of_type<C>(gradient, weight.dtype),
                                         fp32_elements(master), state, elements<C>(weight));
    });
  }
}

}  // namespace

void cuda_adam(const Launch& launch) {
  const Adam settings = adam_settings(launch);
  for_pieces(launch, 2,
             [&]<typename G, typename C>(std::int64_t n, const G* gradient, float* weights,
                                         const LiveOperand* moments, C* copy) {
               cuda::adam(settings, clip_of(launch), n, gradient, weights,
                          fp32_elements(moments[0]), fp32_elements(moments[1]), copy,
                          *launch.device);
             });
}

void cuda_sgd(const Launch& launch) {
  const Sgd settings{.learning_rate = static_cast<float>(launch.adam.learning_rate),
                     .momentum = static_cast<float>(launch.adam.momentum),
                     .weight_decay = static_cast<float>(launch.adam.weight_decay)};
  for_pieces(launch, 1,
             [&]<typename G, typename C>(std::int64_t n, const G* gradient, float* weights,
                                         const LiveOperand* moments, C* copy) {
               cuda::sgd(settings, clip_of(launch), n, gradient, weights, fp32_elements(moments[0]),
                         copy, *launch.device);
             });
}

namespace {

/// Sum of squares of several tensors, before it is rounded.
struct SquaresOnDevice {
  explicit SquaresOnDevice(DeviceContext& /*context*/) : sum(1) {}
  DeviceArray<double> sum;
};

}  // namespace

void cuda_grad_norm(const Launch& launch) {
  const LiveOperand& result = launch.operands[0];
  double* const sum = launch.device->library<SquaresOnDevice>().sum.data();
  fill_zero(sum, sizeof(double), launch.device->stream());
  for (std::size_t i = 1; i < launch.operands.size(); ++i) {
    const LiveOperand& gradient = launch.operands[i];
    if (!gradient) continue;
    with_element_type(gradient.dtype, [&]<typename T>() {
      cuda::sum_of_squares<T>(gradient.layout.elements(), elements<T>(gradient), true, sum,
                              *launch.device);
    });
  }
  cuda::store_rounded(sum, result.add, fp32_elements(result), *launch.device);
}

void cuda_lamb_direction(const Launch& launch) {
  for (std::size_t i = 0; i + 6 <= launch.operands.size(); i += 6) {
    const auto at = [&](std::size_t slot) { return fp32_elements(launch.operands[i + slot]); };
    if (!launch.operands[i]) continue;
    cuda::lamb_direction(adam_settings(launch), launch.operands[i].layout.elements(), at(1), at(0),
                         at(2), at(3), at(4), at(5), *launch.device);
  }
}

void cuda_lamb_apply(const Launch& launch) {
  for (std::size_t i = 0; i + 4 <= launch.operands.size(); i += 4) {
    const LiveOperand &norms = launch.operands[i], &direction = launch.operands[i + 1],
                      &weight = launch.operands[i + 2], &master = launch.operands[i + 3];
    if (!weight) continue;
    cuda::lamb_apply(static_cast<float>(launch.adam.learning_rate), fp32_elements(norms),
                     weight.layout.elements(), fp32_elements(direction),
                     fp32_elements(master ? master : weight), *launch.device);
    if (master) copy_or_add_on_device(master, weight, *launch.device);
  }
}

void cuda_clip_gradient(const Launch& launch) {
  if (launch.adam.clip <= 0) return;
  for (std::size_t i = 1; i < launch.operands.size(); ++i) {
    const LiveOperand& gradient = launch.operands[i];
    if (!gradient) continue;
    with_element_type(gradient.dtype, [&]<typename T>() {
      cuda::clip_gradient<T>(gradient.layout.elements(), fp32_elements(launch.operands[0]),
                             launch.adam.clip, elements<T>(gradient), *launch.device);
    });
  }
}

}  // namespace stepcast
