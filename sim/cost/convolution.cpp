#include "sim/cost/convolution.h"

#include <cmath>

#include "sim/base/error.h"

namespace stepcast {
namespace {

double number(std::int64_t count) { return static_cast<double>(count); }

double positions_of(const Convolution& c) {
  return number(c.images) * number(c.out_height()) * number(c.out_width());
}

double efficiency_of(Convolution::Pass pass, const ConvolutionModel& model) {
  switch (pass) {
    case Convolution::Pass::kForward:
      return model.forward_efficiency;
    case Convolution::Pass::kDgrad:
      return model.dgrad_efficiency;
    case Convolution::Pass::kWgrad:
      return model.wgrad_efficiency;
  }
  throw InternalError("unhandled pass of a convolution");
}

bool suits_winograd(const Convolution& c) {
  return c.window_height == 3 && c.window_width == 3 && c.stride == 1;
}

}  // namespace

Flops flops_of(const Convolution& c) {
  return Flops(2 * positions_of(c) * number(c.out_channels) * number(c.in_channels) *
               number(c.window_height) * number(c.window_width));
}

Bytes bytes_of(const Convolution& c) {
  const std::int64_t images = c.images * c.in_channels * c.height * c.width,
                     weights = c.out_channels * c.in_channels * c.window_height * c.window_width,
                     results = c.images * c.out_channels * c.out_height() * c.out_width();
  return Bytes(size_of(c.dtype) * (images + weights + results));
}

Seconds time_of(const Convolution& c, const ConvolutionModel& model, const Device& device) {
  const double gain = suits_winograd(c) ? model.winograd_gain : 1.0;
  const double rate = device.peak(c.dtype).value() * efficiency_of(c.pass, model) * gain;
  const double edges = (1 + model.channels0 / number(c.in_channels)) *
                       (1 + model.channels0 / number(c.out_channels)) *
                       (1 + model.positions0 / positions_of(c));
  const double work = flops_of(c).value() / rate * edges;
  const double traffic =
      number(bytes_of(c).value()) / (device.memory_bandwidth.value() * model.memory_efficiency);
  const double work2 = work * work, traffic2 = traffic * traffic;
  return Seconds(std::sqrt(std::sqrt(work2 * work2 + traffic2 * traffic2))) + model.overhead;
}

}  // namespace stepcast
