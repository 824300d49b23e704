// Kernels of images.
#include "kernels/device/cuda_launchers.h"
#include "kernels/device/device_results.h"
#include "kernels/live/image_shapes.h"
#include "kernels/ops/batch_norm.h"
#include "kernels/ops/convolution.h"
#include "kernels/ops/pooling.h"

namespace stepcast {
namespace {

bool on_tensor_cores(const Launch& launch) { return launch.kernel.dtype == Dtype::kTf32; }

}  // namespace

void cuda_convolution_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1];
  const OverwrittenOnDevice<float> y(launch.operands[2], *launch.device);
  cuda::convolution_forward(convolution_shape(launch), fp32_elements(x), fp32_elements(weight),
                            y.data(), *launch.device, on_tensor_cores(launch));
  y.finish();
}

void cuda_convolution_dgrad(const Launch& launch) {
  const LiveOperand &weight = launch.operands[0], &dy = launch.operands[1];
  const OverwrittenOnDevice<float> dx(launch.operands[2], *launch.device);
  cuda::convolution_dgrad(convolution_shape(launch), fp32_elements(weight), fp32_elements(dy),
                          dx.data(), *launch.device, on_tensor_cores(launch));
  dx.finish();
}

void cuda_convolution_wgrad(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1];
  const AddedOnDevice dweight(launch.operands[2], *launch.device);
  cuda::convolution_wgrad(convolution_shape(launch), fp32_elements(x), fp32_elements(dy),
                          dweight.floats(), *launch.device, on_tensor_cores(launch));
  dweight.finish();
}

void cuda_batch_norm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &running_mean = launch.operands[4],
                    &running_variance = launch.operands[5];
  const OverwrittenOnDevice<float> y(launch.operands[3], *launch.device);
  cuda::batch_norm_forward(batch_norm_shape(launch), fp32_elements(x), fp32_elements(weight),
                           fp32_elements(bias), y.data(), fp32_elements(running_mean),
                           fp32_elements(running_variance), *launch.device);
  y.finish();
}

void cuda_batch_norm_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1], &dy = launch.operands[2],
                    &dweight = launch.operands[4], &dbias = launch.operands[5];
  const OverwrittenOnDevice<float> dx(launch.operands[3], *launch.device);
  clear_on_device_unless_added_to(dweight, *launch.device);
  clear_on_device_unless_added_to(dbias, *launch.device);
  cuda::batch_norm_backward(batch_norm_shape(launch), fp32_elements(x), fp32_elements(weight),
                            fp32_elements(dy), dx.data(), fp32_elements(dweight),
                            fp32_elements(dbias), *launch.device);
  dx.finish();
}

void cuda_max_pooling_forward(const Launch& launch) {
  const OverwrittenOnDevice<float> y(launch.operands[1], *launch.device);
  cuda::max_pooling_forward(pooling_shape(launch), fp32_elements(launch.operands[0]), y.data(),
                            *launch.device);
  y.finish();
}

void cuda_max_pooling_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1];
  const OverwrittenOnDevice<float> dx(launch.operands[2], *launch.device);
  cuda::max_pooling_backward(pooling_shape(launch), fp32_elements(x), fp32_elements(dy), dx.data(),
                             *launch.device);
  dx.finish();
}

void cuda_average_pooling_forward(const Launch& launch) {
  const OverwrittenOnDevice<float> y(launch.operands[1], *launch.device);
  cuda::average_pooling_forward(pooling_shape(launch), fp32_elements(launch.operands[0]), y.data(),
                                *launch.device);
  y.finish();
}

void cuda_average_pooling_backward(const Launch& launch) {
  const OverwrittenOnDevice<float> dx(launch.operands[1], *launch.device);
  cuda::average_pooling_backward(pooling_shape(launch), fp32_elements(launch.operands[0]),
                                 dx.data(), *launch.device);
  dx.finish();
}

}  // namespace stepcast
