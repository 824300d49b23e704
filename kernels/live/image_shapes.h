// From a launch to the shapes that kernels of images and of compression take, the same for every
// device. Their operands are dense and fp32: another type is an Error(kUnsupported).
#pragma once

#include "kernels/cpu/batch_norm.h"
#include "kernels/cpu/compression.h"
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/pooling.h"
#include "kernels/live/launch.h"

namespace stepcast {

/// Also throws Error(kUnsupported) for windows that are not square, which published tables have and
/// no kernel here.
ConvolutionShape convolution_shape(const Launch& launch);
BatchNormShape batch_norm_shape(const Launch& launch);
PoolingShape pooling_shape(const Launch& launch);

/// dims of top_k and add_sparse: elements, and how many of them are kept.
struct SparseShape {
  std::int64_t n, kept;
};
SparseShape sparse_shape(const Launch& launch);
QuantizeShape quantize_shape(const Launch& launch);

/// An operand of one byte per element.
inline std::int8_t* codes_of(const LiveOperand& operand) {
  return reinterpret_cast<std::int8_t*>(operand.bytes());
}

}  // namespace stepcast
