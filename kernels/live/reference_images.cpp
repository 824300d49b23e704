// Kernels of images and of compression: dense operands, by the loops of kernels/reference/.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "kernels/live/image_shapes.h"
#include "kernels/live/reference_access.h"
#include "kernels/live/reference_launchers.h"
#include "kernels/reference/batch_norm.h"
#include "kernels/reference/convolution.h"
#include "kernels/reference/pooling.h"

namespace stepcast {
namespace {

/// A result as it is computed from zeros, before it is put, or added, where it belongs.
class Computed {
 public:
  explicit Computed(const LiveOperand& result)
      : result_(result), values_(static_cast<std::size_t>(result.layout.elements()), 0.0F) {}
  float* data() { return values_.data(); }
  void finish() const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      write(result_, at, (result_.add ? read(result_, at) : 0) + values_[i]);
    }
  }

 private:
  const LiveOperand& result_;
  std::vector<float> values_;
};

}  // namespace

void reference_convolution_forward(const Launch& launch) {
  Computed y(launch.operands[2]);
  reference::convolution_forward(convolution_shape(launch), launch.operands[0].floats(),
                                 launch.operands[1].floats(), y.data());
  y.finish();
}

void reference_convolution_dgrad(const Launch& launch) {
  Computed dx(launch.operands[2]);
  reference::convolution_dgrad(convolution_shape(launch), launch.operands[0].floats(),
                               launch.operands[1].floats(), dx.data());
  dx.finish();
}

void reference_convolution_wgrad(const Launch& launch) {
  Computed dweight(launch.operands[2]);
  reference::convolution_wgrad(convolution_shape(launch), launch.operands[0].floats(),
                               launch.operands[1].floats(), dweight.data());
  dweight.finish();
}

void reference_batch_norm_forward(const Launch& launch) {
  const auto& o = launch.operands;
  Computed y(o[3]);
  reference::batch_norm_forward(batch_norm_shape(launch), o[0].floats(), o[1].floats(),
                                o[2].floats(), y.data(), o[4].floats(), o[5].floats());
  y.finish();
}

void reference_batch_norm_backward(const Launch& launch) {
  const auto& o = launch.operands;
  Computed dx(o[3]), dweight(o[4]), dbias(o[5]);
  reference::batch_norm_backward(batch_norm_shape(launch), o[0].floats(), o[1].floats(),
                                 o[2].floats(), dx.data(), dweight.data(), dbias.data());
  dx.finish(), dweight.finish(), dbias.finish();
}

void reference_max_pooling_forward(const Launch& launch) {
  Computed y(launch.operands[1]);
  reference::max_pooling_forward(pooling_shape(launch), launch.operands[0].floats(), y.data());
  y.finish();
}

void reference_max_pooling_backward(const Launch& launch) {
  Computed dx(launch.operands[2]);
  reference::max_pooling_backward(pooling_shape(launch), launch.operands[0].floats(),
                                  launch.operands[1].floats(), dx.data());
  dx.finish();
}

void reference_average_pooling_forward(const Launch& launch) {
  Computed y(launch.operands[1]);
  reference::average_pooling_forward(pooling_shape(launch), launch.operands[0].floats(), y.data());
  y.finish();
}

void reference_average_pooling_backward(const Launch& launch) {
  Computed dx(launch.operands[1]);
  reference::average_pooling_backward(pooling_shape(launch), launch.operands[0].floats(),
                                      dx.data());
  dx.finish();
}

/// All elements in the order of their magnitudes, of equal ones the earlier first.
void reference_top_k(const Launch& launch) {
  const auto [n, kept] = sparse_shape(launch);
  const float* const x = launch.operands[0].floats();
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(
      order, [x](std::int32_t a, std::int32_t b) { return std::abs(x[a]) > std::abs(x[b]); });
  order.resize(static_cast<std::size_t>(kept));
  std::ranges::sort(order);
  std::ranges::copy(order, launch.operands[1].ids());
  std::ranges::transform(order, launch.operands[2].floats(), [x](std::int32_t i) { return x[i]; });
}

void reference_add_sparse(const Launch& launch) {
  const LiveOperand &indices = launch.operands[0], &values = launch.operands[1],
                    &x = launch.operands[2];
  for (std::int64_t i = 0; i < sparse_shape(launch).kept; ++i)
    x.floats()[indices.ids()[i]] += values.floats()[i];
}

void reference_quantize(const Launch& launch) {
  const QuantizeShape shape = quantize_shape(launch);
  const float* const x = launch.operands[0].floats();
  for (std::int64_t block = 0; block < shape.blocks(); ++block) {
    const std::int64_t begin = block * shape.block, end = std::min(begin + shape.block, shape.n);
    double largest = 0;
    for (std::int64_t i = begin; i < end; ++i)
      largest = std::max(largest, std::abs(static_cast<double>(x[i])));
    launch.operands[2].floats()[block] = static_cast<float>(largest / 127);
    for (std::int64_t i = begin; i < end; ++i)
      codes_of(launch.operands[1])[i] =
          static_cast<std::int8_t>(largest > 0 ? std::nearbyint(x[i] * 127 / largest) : 0);
  }
}

void reference_dequantize(const Launch& launch) {
  const QuantizeShape shape = quantize_shape(launch);
  Computed x(launch.operands[2]);
  for (std::int64_t i = 0; i < shape.n; ++i)
    x.data()[i] = launch.operands[1].floats()[i / shape.block] *
                  static_cast<float>(codes_of(launch.operands[0])[i]);
  x.finish();
}

}  // namespace stepcast
