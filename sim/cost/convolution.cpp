#include "sim/cost/convolution.h"

#include <cmath>

#include "sim/base/error.h"
#include "sim/compute/dims.h"

namespace stepcast {
namespace {

double number(std::int64_t count) { return static_cast<double>(count); }

double positions_of(const ConvolutionDims& c) {
  return number(c.images) * number(c.out_height()) * number(c.out_width());
}

double efficiency_of(KernelKind kind, const ConvolutionModel& model) {
  switch (kind) {
    case KernelKind::kConvolutionForward:
      return model.forward_efficiency;
    case KernelKind::kConvolutionDgrad:
      return model.dgrad_efficiency;
    case KernelKind::kConvolutionWgrad:
      return model.wgrad_efficiency;
    default:
      throw InternalError("a kernel is timed as a convolution and is none");
  }
}

bool suits_winograd(const ConvolutionDims& c) {
  return c.window_height == 3 && c.window_width == 3 && c.stride == 1;
}

}  // namespace

Seconds time_of(const Kernel& convolution, const ConvolutionModel& model, const Device& device) {
  const ConvolutionDims c = convolution_dims(convolution);
  const double gain = suits_winograd(c) ? model.winograd_gain : 1.0;
  const double rate =
      device.peak(convolution.dtype).value() * efficiency_of(convolution.kind, model) * gain;
  const double edges = (1 + model.channels0 / number(c.in_channels)) *
                       (1 + model.channels0 / number(c.out_channels)) *
                       (1 + model.positions0 / positions_of(c));
  const double work = flops_of(convolution).value() / rate * edges;
  const double traffic = number(bytes_of(convolution).value()) /
                         (device.memory_bandwidth.value() * model.memory_efficiency);
  const double work2 = work * work, traffic2 = traffic * traffic;
  return Seconds(std::sqrt(std::sqrt(work2 * work2 + traffic2 * traffic2))) + model.overhead;
}

}  // namespace stepcast
