// Kernels of images.
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/cpu_results.h"
#include "kernels/live/image_shapes.h"

namespace stepcast {
namespace {

float* workspace(const ConvolutionShape& shape) {
  return scratch(Scratch::kWorkspace, shape.workspace());
}

}  // namespace

void cpu_convolution_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1];
  const ConvolutionShape shape = convolution_shape(launch);
  const OverwrittenResult<float> y(launch.operands[2]);
  cpu::convolution_forward(shape, x.floats(), weight.floats(), y.data(), workspace(shape));
  y.finish();
}

void cpu_convolution_dgrad(const Launch& launch) {
  const LiveOperand &weight = launch.operands[0], &dy = launch.operands[1];
  const ConvolutionShape shape = convolution_shape(launch);
  const OverwrittenResult<float> dx(launch.operands[2]);
  cpu::convolution_dgrad(shape, weight.floats(), dy.floats(), dx.data(), workspace(shape));
  dx.finish();
}

void cpu_convolution_wgrad(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1];
  const ConvolutionShape shape = convolution_shape(launch);
  const AddedResult dweight(launch.operands[2]);
  cpu::convolution_wgrad(shape, x.floats(), dy.floats(), dweight.floats(), workspace(shape));
  dweight.finish();
}

void cpu_batch_norm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &running_mean = launch.operands[4],
                    &running_variance = launch.operands[5];
  const OverwrittenResult<float> y(launch.operands[3]);
  cpu::batch_norm_forward(batch_norm_shape(launch), x.floats(), weight.floats(), bias.floats(),
                          y.data(), running_mean.floats(), running_variance.floats());
  y.finish();
}

void cpu_batch_norm_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1], &dy = launch.operands[2];
  const OverwrittenResult<float> dx(launch.operands[3]);
  const AddedResult dweight(launch.operands[4]), dbias(launch.operands[5], Scratch::kSecondSum);
  cpu::batch_norm_backward(batch_norm_shape(launch), x.floats(), weight.floats(), dy.floats(),
                           dx.data(), dweight.floats(), dbias.floats());
  dx.finish(), dweight.finish(), dbias.finish();
}

void cpu_max_pooling_forward(const Launch& launch) {
  const OverwrittenResult<float> y(launch.operands[1]);
  cpu::max_pooling_forward(pooling_shape(launch), launch.operands[0].floats(), y.data());
  y.finish();
}

void cpu_max_pooling_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1];
  const OverwrittenResult<float> dx(launch.operands[2]);
  cpu::max_pooling_backward(pooling_shape(launch), x.floats(), dy.floats(), dx.data());
  dx.finish();
}

void cpu_average_pooling_forward(const Launch& launch) {
  const OverwrittenResult<float> y(launch.operands[1]);
  cpu::average_pooling_forward(pooling_shape(launch), launch.operands[0].floats(), y.data());
  y.finish();
}

void cpu_average_pooling_backward(const Launch& launch) {
  const OverwrittenResult<float> dx(launch.operands[1]);
  cpu::average_pooling_backward(pooling_shape(launch), launch.operands[0].floats(), dx.data());
  dx.finish();
}

}  // namespace stepcast
