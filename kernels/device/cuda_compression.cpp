// Compression of gradients.
#include "kernels/device/cuda_launchers.h"
#include "kernels/device/device_results.h"
#include "kernels/live/image_shapes.h"
#include "kernels/ops/compression.h"

namespace stepcast {

void cuda_top_k(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &indices = launch.operands[1],
                    &values = launch.operands[2];
  const auto [n, kept] = sparse_shape(launch);
  cuda::top_k(n, kept, fp32_elements(x), indices.ids(), fp32_elements(values), *launch.device);
}

void cuda_add_sparse(const Launch& launch) {
  const LiveOperand &indices = launch.operands[0], &values = launch.operands[1],
                    &x = launch.operands[2];
  cuda::add_sparse(sparse_shape(launch).kept, indices.ids(), fp32_elements(values),
                   fp32_elements(x), *launch.device);
}

void cuda_quantize(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &codes = launch.operands[1],
                    &scales = launch.operands[2];
  cuda::quantize(quantize_shape(launch), fp32_elements(x), codes_of(codes), fp32_elements(scales),
                 *launch.device);
}

void cuda_dequantize(const Launch& launch) {
  const LiveOperand &codes = launch.operands[0], &scales = launch.operands[1];
  const OverwrittenOnDevice<float> x(launch.operands[2], *launch.device);
  cuda::dequantize(quantize_shape(launch), codes_of(codes), fp32_elements(scales), x.data(),
                   *launch.device);
  x.finish();
}

}  // namespace stepcast
