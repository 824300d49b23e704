#include "kernels/profiler/special_layouts.h"

#include "sim/compute/dims.h"

namespace stepcast {
namespace {

using enum KernelKind;

/// `elements` in as many rows.
Layout in_rows(std::int64_t rows, std::int64_t elements) {
  return Layout::dense(rows, elements / rows);
}

bool is_result(std::string_view slot) { return slot == "y" || slot == "dy"; }
bool is_input(std::string_view slot) { return slot == "x" || slot == "dx"; }

std::optional<Layout> convolution_layout(const Kernel& kernel, std::string_view slot) {
  const ConvolutionDims c = convolution_dims(kernel);
  if (is_input(slot)) return in_rows(c.images, c.inputs());
  if (is_result(slot)) return in_rows(c.images, c.results());
  return in_rows(c.out_channels, c.weights());
}

std::optional<Layout> pooling_layout(const Kernel& kernel, std::string_view slot) {
  const PoolingDims p = pooling_dims(kernel);
  return in_rows(p.planes, is_input(slot) ? p.inputs() : p.results());
}

}  // namespace

std::optional<Layout> special_layout(const Kernel& kernel, std::string_view slot) {
  const auto& dims = kernel.dims;
  if (slot == "norms") return Layout::dense(1, 2);
  switch (kernel.kind) {
    case kConvolutionForward:
    case kConvolutionDgrad:
    case kConvolutionWgrad:
      return convolution_layout(kernel, slot);
    case kMaxPoolingForward:
    case kMaxPoolingBackward:
    case kAveragePoolingForward:
    case kAveragePoolingBackward:
      return pooling_layout(kernel, slot);
    case kBatchNormForward:
    case kBatchNormBackward:
      if (is_input(slot) || is_result(slot)) return Layout::dense(dims[0], dims[1] * dims[2]);
      return std::nullopt;
    case kQuantize:
    case kDequantize:
      if (slot == "scales") return Layout::dense(1, (dims[0] + dims[1] - 1) / dims[1]);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace stepcast
