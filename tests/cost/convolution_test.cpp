#include "sim/cost/convolution.h"

#include <gtest/gtest.h>

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

Convolution five_by_five() {
  return {.dtype = Dtype::kFp16,
          .images = 8,
          .in_channels = 64,
          .height = 32,
          .width = 16,
          .out_channels = 128,
          .window_height = 5,
          .window_width = 5,
          .stride = 1,
          .padding = 2};
}

TEST(Convolution, CountsEveryMultiplicationAndMovesEveryTensorOnce) {
  const Convolution c = five_by_five();
  EXPECT_EQ(c.out_height(), 32);
  EXPECT_EQ(flops_of(c), Flops(2. * 8 * 32 * 16 * 128 * 64 * 25));
  EXPECT_EQ(bytes_of(c), Bytes(2 * (8 * 64 * 32 * 16 + 128 * 64 * 25 + 8 * 128 * 32 * 16)));
}

TEST(Convolution, StridesShrinkTheResult) {
  Convolution c = five_by_five();
  c.stride = 2, c.padding = 0;
  EXPECT_EQ(c.out_height(), 14);  // (32 - 5) / 2 + 1
  EXPECT_EQ(c.out_width(), 6);    // (16 - 5) / 2 + 1
}

TEST(Convolution, TakesTheRateOfItsPass) {
  Convolution c = five_by_five();
  const double flops = flops_of(c).value();
  EXPECT_NEAR(time_of(c, half_of_peak(), quick_memory()).value() / (flops / 50e12), 1, 1e-9);
  c.pass = Convolution::Pass::kDgrad;
  EXPECT_NEAR(time_of(c, half_of_peak(), quick_memory()).value() / (flops / 25e12), 1, 1e-9);
  c.pass = Convolution::Pass::kWgrad;
  EXPECT_NEAR(time_of(c, half_of_peak(), quick_memory()).value() / (flops / 12.5e12), 1, 1e-9);
}

TEST(Convolution, FewChannelsAndPixelsHalveTheRate) {
  const Convolution c = five_by_five();
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
  Convolution c = five_by_five();
  EXPECT_EQ(time_of(c, model, quick_memory()), time_of(c, half_of_peak(), quick_memory()));
  c.window_height = c.window_width = 3, c.padding = 1;
  EXPECT_NEAR(time_of(c, half_of_peak(), quick_memory()) / time_of(c, model, quick_memory()), 2.25,
              1e-9);
  c.stride = 2;
  EXPECT_EQ(time_of(c, model, quick_memory()), time_of(c, half_of_peak(), quick_memory()));
}

TEST(Convolution, MemoryBoundsThinOnes) {
  Device device = quick_memory();
  device.memory_bandwidth = BytesPerSec(1e9);
  ConvolutionModel model = half_of_peak();
  model.memory_efficiency = 0.5, model.overhead = Seconds(1);
  const Convolution c = five_by_five();
  EXPECT_NEAR(time_of(c, model, device).value(),
              1 + static_cast<double>(bytes_of(c).value()) / 0.5e9, 1e-4);
}

}  // namespace
}  // namespace stepcast
