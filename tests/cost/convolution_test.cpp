#include "sim/cost/convolution.h"

#include <gtest/gtest.h>

#include "sim/compute/dims.h"

namespace stepcast {
namespace {

/// 100 TFLOP/s of fp16; memory so fast that only work counts.
Device quick_memory() {
  Device device;
  device.peak_fp16 = FlopsPerSec(100e12);
  device.memory_bandwidth = BytesPerSec(1e18);
  return device;
}

ConvolutionModel half_of_peak() {
  return {.forward_efficiency = 0.5,
          .dgrad_efficiency = 0.25,
          .wgrad_efficiency = 0.125,
          .memory_efficiency = 1};
}

ConvolutionDims five_by_five() {
  return {.images = 8,
          .in_channels = 64,
          .height = 32,
          .width = 16,
          .out_channels = 128,
          .window_height = 5,
          .window_width = 5,
          .stride = 1,
          .padding = 2};
}

Kernel kernel_of(const ConvolutionDims& dims, KernelKind kind = KernelKind::kConvolutionForward) {
  return {.kind = kind, .dtype = Dtype::kFp16, .dims = to_dims(dims)};
}

TEST(Convolution, TakesTheRateOfItsPass) {
  const double flops = flops_of(kernel_of(five_by_five())).value();
  const auto time = [&](KernelKind kind) {
    return time_of(kernel_of(five_by_five(), kind), half_of_peak(), quick_memory()).value();
  };
  EXPECT_NEAR(time(KernelKind::kConvolutionForward) / (flops / 50e12), 1, 1e-9);
  EXPECT_NEAR(time(KernelKind::kConvolutionDgrad) / (flops / 25e12), 1, 1e-9);
  EXPECT_NEAR(time(KernelKind::kConvolutionWgrad) / (flops / 12.5e12), 1, 1e-9);
}

TEST(Convolution, FewChannelsAndPixelsHalveTheRate) {
  const Kernel c = kernel_of(five_by_five());
  const double full = time_of(c, half_of_peak(), quick_memory()).value();
  ConvolutionModel model = half_of_peak();
  model.positions0 = 8 * 32 * 16;
  EXPECT_NEAR(time_of(c, model, quick_memory()).value() / full, 2, 1e-9);
  model.positions0 = 0;
  model.channels0 = 64;  // twice the work for 64 channels in, 1.5 times for 128 out
  EXPECT_NEAR(time_of(c, model, quick_memory()).value() / full, 3, 1e-9);
}

// Lavin and Gray 2016: F(2x2, 3x3) multiplies 2.25 times less.
TEST(Convolution, WinogradIsForSmallWindowsOfStrideOne) {
  ConvolutionModel model = half_of_peak();
  model.winograd_gain = 2.25;
  ConvolutionDims c = five_by_five();
  const auto gain = [&] {
    return time_of(kernel_of(c), half_of_peak(), quick_memory()) /
           time_of(kernel_of(c), model, quick_memory());
  };
  EXPECT_EQ(gain(), 1);
  c.window_height = c.window_width = 3, c.padding = 1;
  EXPECT_NEAR(gain(), 2.25, 1e-9);
  c.stride = 2;
  EXPECT_EQ(gain(), 1);
}

TEST(Convolution, MemoryBoundsThinOnes) {
  Device device = quick_memory();
  device.memory_bandwidth = BytesPerSec(1e9);
  ConvolutionModel model = half_of_peak();
  model.memory_efficiency = 0.5, model.overhead = Seconds(1);
  const Kernel c = kernel_of(five_by_five());
  EXPECT_NEAR(time_of(c, model, device).value(),
              1 + static_cast<double>(bytes_of(c).value()) / 0.5e9, 1e-4);
}

}  // namespace
}  // namespace stepcast
