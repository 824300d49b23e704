#include "kernels/live/image_shapes.h"

#include <string>

#include "sim/base/error.h"
#include "sim/compute/dims.h"

namespace stepcast {
namespace {

[[noreturn]] void refuse(const Launch& launch, const std::string& why) {
  throw Error(ErrorKind::kUnsupported, to_text(launch.kernel) + " has no kernel here: " + why);
}

/// tf32 is fp32 in memory, and means something to products alone.
void require_fp32(const Launch& launch, bool or_tf32 = false) {
  const Dtype dtype = launch.kernel.dtype;
  if (dtype == Dtype::kFp32 || (or_tf32 && dtype == Dtype::kTf32)) return;
  refuse(launch, "only fp32 is computed");
}

}  // namespace

ConvolutionShape convolution_shape(const Launch& launch) {
  require_fp32(launch, true);
  const ConvolutionDims c = convolution_dims(launch.kernel);
  if (c.window_height != c.window_width) refuse(launch, "only square windows are computed");
  return {.images = c.images,
          .in_channels = c.in_channels,
          .height = c.height,
          .width = c.width,
          .out_channels = c.out_channels,
          .kernel = c.window_height,
          .stride = c.stride,
          .padding = c.padding};
}

BatchNormShape batch_norm_shape(const Launch& launch) {
  require_fp32(launch);
  const auto& dims = launch.kernel.dims;
  return {.images = dims[0], .channels = dims[1], .pixels = dims[2]};
}

PoolingShape pooling_shape(const Launch& launch) {
  require_fp32(launch);
  const PoolingDims p = pooling_dims(launch.kernel);
  return {.planes = p.planes,
          .height = p.height,
          .width = p.width,
          .window = p.window,
          .stride = p.stride,
          .padding = p.padding};
}

SparseShape sparse_shape(const Launch& launch) {
  require_fp32(launch);
  return {.n = launch.kernel.dims[0], .kept = launch.kernel.dims[1]};
}

QuantizeShape quantize_shape(const Launch& launch) {
  require_fp32(launch);
  return {.n = launch.kernel.dims[0], .block = launch.kernel.dims[1]};
}

}  // namespace stepcast
