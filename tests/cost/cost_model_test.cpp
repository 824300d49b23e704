#include "sim/cost/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// 100 TFLOP/s in fp16, memory so fast that a GEMM never waits for it, no fp8.
Device quick_memory() {
  Device device;
  device.name = "toy";
  device.peak_fp32 = FlopsPerSec(10e12);
  device.peak_fp16 = FlopsPerSec(100e12);
  device.memory_bandwidth = BytesPerSec(1e30);
  device.num_sms = 100;
  return device;
}

Device slow_memory() {
  Device device = quick_memory();
  device.memory_bandwidth = BytesPerSec(1e12);
  return device;
}

/// Half of the peak for GEMMs, 40 % for attention, 80 % of the bandwidth; nothing else.
DeviceProfile toy_profile() {
  DeviceProfile profile;
  profile.name = "toy-profile";
  profile.device = "toy";
  const auto fp16 = static_cast<std::size_t>(Dtype::kFp16);
  profile.gemm[fp16] = GemmModel{.efficiency = 0.5, .memory_efficiency = 0.5};
  profile.gemm[fp16]->grade = Grade::kFitted;
  profile.gemm[fp16]->relative_sigma = 0.07;
  profile.attention[fp16] = {AttentionModel{.head_dims = {64, 128}, .efficiency = {0.2, 0.4}}};
  profile.memory_efficiency = 0.8;
  profile.memory_grade = Grade::kMeasured;
  return profile;
}

CostModel model(const Device& device, const DeviceProfile& profile,
                const StackProfile& stack = {}) {
  return CostModel(device, profile, ideal_network_profile(), stack);
}

Kernel gemm(std::int64_t m, std::int64_t n, std::int64_t k,
            KernelKind kind = KernelKind::kGemmForward, std::int64_t batch = 0) {
  return {.kind = kind, .dtype = Dtype::kFp16, .dims = {m, n, k, batch}};
}

Kernel attention(std::int64_t batch, std::int64_t heads, std::int64_t length,
                 std::int64_t head_dim) {
  return {.kind = KernelKind::kFlashAttentionForward,
          .dtype = Dtype::kFp16,
          .dims = {batch, heads, heads, length, length, head_dim}};
}

Kernel streaming(KernelKind kind, std::int64_t elements) {
  return {.kind = kind, .dtype = Dtype::kFp16, .dims = {elements}};
}

double seconds(const CostModel& costs, const Kernel& kernel) {
  return costs.kernel(kernel).time.value();
}

#define EXPECT_CLOSE(actual, expected) EXPECT_NEAR(actual, expected, 1e-12 * (expected))

TEST(GemmCost, IsWorkOverTheEfficientRate) {
  // 2 * 1000^3 flops at 0.5 * 100 TFLOP/s = 40 us.
  EXPECT_CLOSE(seconds(model(quick_memory(), toy_profile()), gemm(1000, 1000, 1000)), 40e-6);
}

TEST(GemmCost, ShortSidesPayTheirHalfPoints) {
  DeviceProfile profile = toy_profile();
  GemmModel& fp16 = *profile.gemm[static_cast<std::size_t>(Dtype::kFp16)];
  fp16.m0 = 500;   // m = 1000: 1.5 times
  fp16.n0 = 1000;  // n = 1000: 2 times
  fp16.k0 = 250;   // k = 1000: 1.25 times
  fp16.overhead = Seconds(3e-6);
  // 40 us * 1.5 * 2 * 1.25 + 3 us = 153 us.
  EXPECT_CLOSE(seconds(model(quick_memory(), profile), gemm(1000, 1000, 1000)), 153e-6);
}

TEST(GemmCost, ABatchIsMoreRows) {
  DeviceProfile profile = toy_profile();
  profile.gemm[static_cast<std::size_t>(Dtype::kFp16)]->m0 = 400;
  // Four products of 100 rows: 4 * 2 * 100 * 1000^2 / 50e12 = 16 us, times 1 + 400 / (4 * 100).
  EXPECT_CLOSE(seconds(model(quick_memory(), profile),
                       gemm(100, 1000, 1000, KernelKind::kBatchedGemmForward, 4)),
               16e-6 * 2 * StackProfile{}.misaligned_head_factor);  // 100 is no multiple of 8
}

TEST(GemmCost, ArithmeticAndTrafficMeetInAFourthRoot) {
  Device device = quick_memory();
  // 2 bytes * 3 * 1000^2 elements at half of 0.3 TB/s = 40 us: as long as the arithmetic.
  device.memory_bandwidth = BytesPerSec(0.3e12);
  EXPECT_CLOSE(seconds(model(device, toy_profile()), gemm(1000, 1000, 1000)),
               40e-6 * std::sqrt(std::sqrt(2.0)));
  // Ten times slower memory hides the arithmetic: (1^4 + 10^4)^(1/4) = 10.00025.
  device.memory_bandwidth = BytesPerSec(0.03e12);
  EXPECT_NEAR(seconds(model(device, toy_profile()), gemm(1000, 1000, 1000)), 400.01e-6, 1e-10);
}

TEST(GemmCost, GradientProductsHaveTheirOwnRates) {
  DeviceProfile profile = toy_profile();
  GemmModel& fp16 = *profile.gemm[static_cast<std::size_t>(Dtype::kFp16)];
  fp16.dgrad_efficiency = 0.8;
  fp16.wgrad_efficiency = 0.5;
  const CostModel costs = model(quick_memory(), profile);
  EXPECT_CLOSE(seconds(costs, gemm(1000, 1000, 1000)), 40e-6);
  EXPECT_CLOSE(seconds(costs, gemm(1000, 1000, 1000, KernelKind::kGemmDgrad)), 50e-6);
  EXPECT_CLOSE(seconds(costs, gemm(1000, 1000, 1000, KernelKind::kGemmWgrad)), 80e-6);
}

TEST(GemmCost, TheStackScalesTheRate) {
  StackProfile stack;
  stack.gemm_efficiency = 0.8;
  EXPECT_CLOSE(seconds(model(quick_memory(), toy_profile(), stack), gemm(1000, 1000, 1000)), 50e-6);
}

TEST(GemmCost, MisalignedAttentionProductsFallBackToSlowKernels) {
  StackProfile stack;
  stack.misaligned_head_factor = 5;
  const CostModel costs = model(quick_memory(), toy_profile(), stack);
  // head_dim 96 = 12 * 8 against 100; only the attention products care.
  const double aligned = seconds(costs, gemm(1000, 1000, 96, KernelKind::kBatchedGemmForward));
  EXPECT_CLOSE(seconds(costs, gemm(1000, 1000, 100, KernelKind::kBatchedGemmForward)),
               aligned / 96 * 100 * 5);
  EXPECT_CLOSE(seconds(costs, gemm(1000, 1000, 100)), aligned / 96 * 100);
}

TEST(AttentionCost, IsForwardWorkOverTheRateOfItsHeadDimension) {
  const CostModel costs = model(quick_memory(), toy_profile());
  // 2 products * 2 * 4 * 32 * 1024^2 * 128 flops at 0.4 * 100 TFLOP/s; 4 * 32 * 8 tiles fill 100
  // SMs.
  const double flops = 4.0 * 4 * 32 * 1024 * 1024 * 128;
  EXPECT_CLOSE(seconds(costs, attention(4, 32, 1024, 128)), flops / 40e12);
  // head_dim 96 lies half way between 64 (0.2) and 128 (0.4): 0.3.
  EXPECT_CLOSE(seconds(costs, attention(4, 32, 1024, 96)), flops * 96 / 128 / 30e12);
  // Outside of the measured range the nearest rate holds.
  EXPECT_CLOSE(seconds(costs, attention(4, 32, 1024, 32)), flops * 32 / 128 / 20e12);
  EXPECT_CLOSE(seconds(costs, attention(4, 32, 1024, 256)), flops * 2 / 40e12);
}

TEST(AttentionCost, FewTilesLeaveProcessorsIdle) {
  // One sequence, 10 heads, 256 queries: 20 tiles on 100 processors take five times as long.
  const double flops = 4.0 * 10 * 256 * 256 * 128;
  EXPECT_CLOSE(seconds(model(quick_memory(), toy_profile()), attention(1, 10, 256, 128)),
               5 * flops / 40e12);
}

TEST(AttentionCost, CausalHalvesTheWorkAndShortRowsPay) {
  DeviceProfile profile = toy_profile();
  AttentionModel& fp16 = profile.attention[static_cast<std::size_t>(Dtype::kFp16)].front();
  fp16.s0 = 128;
  fp16.causal_s0_factor = 4;
  const CostModel costs = model(quick_memory(), profile);
  const double flops = 4.0 * 4 * 32 * 1024 * 1024 * 128;
  Kernel kernel = attention(4, 32, 1024, 128);
  EXPECT_CLOSE(seconds(costs, kernel), flops / 40e12 * 1.125);  // 1 + 128 / 1024
  kernel.causal = true;
  EXPECT_CLOSE(seconds(costs, kernel), flops / 2 / 40e12 * 1.5);  // 1 + 128 * 4 / 1024
}

TEST(AttentionCost, StacksRunTheImplementationThatTheyName) {
  DeviceProfile profile = toy_profile();
  std::vector<AttentionModel>& fp16 = profile.attention[static_cast<std::size_t>(Dtype::kFp16)];
  fp16.push_back(fp16.front());
  fp16.front().implementation = "FA2", fp16.back().implementation = "FA3";
  fp16.back().efficiency = {0.4, 0.8};
  StackProfile stack;
  const Kernel kernel = attention(4, 32, 1024, 128);
  const Cost first = model(quick_memory(), profile, stack).kernel(kernel);
  stack.attention_implementation = "FA3";
  EXPECT_CLOSE(model(quick_memory(), profile, stack).kernel(kernel).time.value(),
               first.time.value() / 2);
}

TEST(AttentionCost, AnotherImplementationStandsInAndSaysSo) {
  StackProfile stack;
  stack.attention_implementation = "FA3";
  const Kernel kernel = attention(4, 32, 1024, 128);
  DeviceProfile profile = toy_profile();
  profile.attention[static_cast<std::size_t>(Dtype::kFp16)].front().grade = Grade::kFitted;
  const Cost own = model(quick_memory(), profile).kernel(kernel);
  const Cost other = model(quick_memory(), profile, stack).kernel(kernel);
  EXPECT_EQ(other.time, own.time);
  EXPECT_EQ(other.grade, Grade::kTransferred);
  EXPECT_GT(other.relative_sigma, 0.3);
}

TEST(AttentionCost, BackwardIsAMultipleOfForward) {
  DeviceProfile profile = toy_profile();
  AttentionModel& fp16 = profile.attention[static_cast<std::size_t>(Dtype::kFp16)].front();
  fp16.overhead = Seconds(5e-6);
  fp16.backward_over_forward = 3;
  const CostModel costs = model(quick_memory(), profile);
  Kernel kernel = attention(4, 32, 1024, 128);
  const double forward = seconds(costs, kernel);
  kernel.kind = KernelKind::kFlashAttentionBackward;
  EXPECT_CLOSE(seconds(costs, kernel), 3 * forward);
}

TEST(MemoryCost, IsLeastTrafficOverTheEfficientBandwidth) {
  DeviceProfile profile = toy_profile();
  profile.memory_overhead = Seconds(2e-6);
  // A copy reads and writes 2 bytes: 4e6 bytes at 0.8 TB/s = 5 us, and 2 us.
  const Kernel copy = streaming(KernelKind::kCopy, 1'000'000);
  EXPECT_CLOSE(seconds(model(slow_memory(), profile), copy), 7e-6);
  // The stack's kernels reach half of that; the fixed part stays.
  StackProfile stack;
  stack.memory_efficiency = 0.5;
  EXPECT_CLOSE(seconds(model(slow_memory(), profile, stack), copy), 12e-6);
  // Measured on its own: 0.4 of the bandwidth.
  profile.memory_kernels.push_back({.kind = KernelKind::kCopy, .efficiency = 0.4});
  EXPECT_CLOSE(seconds(model(slow_memory(), profile), copy), 12e-6);
}

// 1e6 fp32 parameters of SGD move 20e6 bytes: 25 us at 0.8 TB/s, by the same model as the rest.
TEST(MemoryCost, AnOptimizerThatWasNotTimedIsCarriedOverFromOneThatWas) {
  DeviceProfile profile = toy_profile();
  Kernel sgd = streaming(KernelKind::kSgd, 1'000'000);
  sgd.dtype = Dtype::kFp32;
  EXPECT_CLOSE(seconds(model(slow_memory(), profile), sgd), 25e-6);
  EXPECT_EQ(model(slow_memory(), profile).kernel(sgd).grade, Grade::kMeasured);
  profile.memory_kernels.push_back({.kind = KernelKind::kAdam, .efficiency = 0.4});
  EXPECT_CLOSE(seconds(model(slow_memory(), profile), sgd), 25e-6);
  EXPECT_EQ(model(slow_memory(), profile).kernel(sgd).grade, Grade::kTransferred);
}

// What was not timed, and reads its data several times over, has no time.
TEST(MemoryCost, KernelsWhoseTrafficDoesNotTellAreRefusedUnlessTimed) {
  DeviceProfile profile = toy_profile();
  const Kernel top_k{.kind = KernelKind::kTopK, .dtype = Dtype::kFp32, .dims = {1'000'000, 1'000}};
  try {
    model(slow_memory(), profile).kernel(top_k);
    FAIL() << "top_k was not timed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    const std::string message = error.what();
    for (const char* part : {"toy-profile", "top_k(elements=1000000", "stepcast profile"})
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
  // 4,008,000 bytes at a tenth of 1 TB/s.
  profile.memory_kernels.push_back({.kind = KernelKind::kTopK, .efficiency = 0.1});
  EXPECT_CLOSE(seconds(model(slow_memory(), profile), top_k), 40.08e-6);
}

TEST(ConvolutionCost, IsTheModelAtTheRateOfTheStack) {
  DeviceProfile profile = toy_profile();
  const Kernel kernel{.kind = KernelKind::kConvolutionForward,
                      .dtype = Dtype::kFp16,
                      .dims = {8, 64, 32, 32, 64, 3, 3, 1, 1}};
  EXPECT_THROW(model(quick_memory(), profile).kernel(kernel), Error);
  profile.convolution[static_cast<std::size_t>(Dtype::kFp16)] =
      ConvolutionModel{.forward_efficiency = 0.5, .memory_efficiency = 1, .grade = Grade::kFitted};
  StackProfile stack;
  const double plain = seconds(model(quick_memory(), profile, stack), kernel);
  stack.gemm_efficiency = 0.5;
  EXPECT_CLOSE(seconds(model(quick_memory(), profile, stack), kernel), 2 * plain);
  EXPECT_EQ(model(quick_memory(), profile).kernel(kernel).grade, Grade::kFitted);
}

TEST(NetworkCost, TheStackTakesItsShareOfTheBandwidthBetweenNodes) {
  StackProfile stack;
  stack.network_efficiency = 0.5;
  const NetworkProfile whole = model(slow_memory(), toy_profile()).network();
  const NetworkProfile half = model(slow_memory(), toy_profile(), stack).network();
  EXPECT_CLOSE(half.inter_efficiency, 0.5 * whole.inter_efficiency);
  EXPECT_CLOSE(half.intra_efficiency, whole.intra_efficiency);
}

TEST(NetworkCost, TheStackSetsTheLeastPaceOfRingsBetweenNodes) {
  StackProfile stack;
  stack.ring_step_overhead = Seconds(40e-6);
  EXPECT_EQ(model(slow_memory(), toy_profile(), stack).network().ring_step_overhead,
            Seconds(40e-6));
  EXPECT_EQ(model(slow_memory(), toy_profile()).network().ring_step_overhead, Seconds(0));
}

TEST(MemoryCost, TheStackSaysWhatItsSoftmaxAndLossMove) {
  StackProfile stack;
  stack.score_bytes = 12;
  stack.score_backward_ratio = 1.5;
  stack.logit_bytes = 16;
  const CostModel costs = model(slow_memory(), toy_profile(), stack);
  // 1e6 scores * 12 bytes at 0.8 TB/s = 15 us, backward 1.5 times.
  EXPECT_CLOSE(seconds(costs, streaming(KernelKind::kScoreSoftmaxForward, 1'000'000)), 15e-6);
  EXPECT_CLOSE(seconds(costs, streaming(KernelKind::kScoreSoftmaxBackward, 1'000'000)), 22.5e-6);
  // 100 tokens * 5000 logits * 16 bytes = 8e6 bytes: 10 us.
  Kernel loss = streaming(KernelKind::kCrossEntropyForward, 100);
  loss.dims[1] = 5000;
  EXPECT_CLOSE(seconds(costs, loss), 10e-6);
}

TEST(CostModel, CarriesTheGradeOfTheModelUsed) {
  const CostModel costs = model(slow_memory(), toy_profile());
  EXPECT_EQ(costs.kernel(gemm(64, 64, 64)).grade, Grade::kFitted);
  EXPECT_EQ(costs.kernel(gemm(64, 64, 64)).relative_sigma, 0.07);
  EXPECT_EQ(costs.kernel(streaming(KernelKind::kCopy, 64)).grade, Grade::kMeasured);
}

TEST(CostModel, AProfileOfAnotherDeviceOfTheChipIsTransferred) {
  Device cousin = slow_memory();
  cousin.name = "toy-2";
  EXPECT_EQ(model(cousin, toy_profile()).kernel(streaming(KernelKind::kCopy, 64)).grade,
            Grade::kTransferred);
}

TEST(CostModel, ADtypeWithoutModelIsUnsupportedAndSaysWhatToDo) {
  Kernel kernel = gemm(1024, 1024, 1024);
  kernel.dtype = Dtype::kFp8;
  try {
    model(quick_memory(), toy_profile()).kernel(kernel);
    FAIL() << "fp8 has no GEMM model";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    const std::string message = error.what();
    for (const char* part :
         {"toy-profile", "gemm_forward(m=1024", "fp8", "topologies/calibrations"})
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
  // A model without a datasheet peak can't be used either: fractions of nothing.
  DeviceProfile profile = toy_profile();
  profile.gemm[static_cast<std::size_t>(Dtype::kFp8)] = GemmModel{.efficiency = 0.5};
  EXPECT_THROW(model(quick_memory(), profile).kernel(kernel), Error);
}

TEST(CostModel, IssueTimesGoByThePassOfTheKernel) {
  StackProfile stack;
  stack.issue_forward = Seconds(1e-6);
  stack.issue_backward = Seconds(2e-6);
  stack.issue_update = Seconds(3e-6);
  const CostModel costs = model(quick_memory(), toy_profile(), stack);
  EXPECT_EQ(costs.issue_compute(gemm(8, 8, 8)), Seconds(1e-6));
  EXPECT_EQ(costs.issue_compute(gemm(8, 8, 8, KernelKind::kGemmWgrad)), Seconds(2e-6));
  EXPECT_EQ(costs.issue_compute(streaming(KernelKind::kAdam, 8)), Seconds(3e-6));
}

// 1,000 fp32 elements copied are 8,000 bytes. Of 1 us whatever the size, 8 kB and 32 kB take 1 and
// 9 us more: 4 kB half of 1, 16 kB the geometric mean, 3, as a power law has it, and 128 kB four
// times 9. Sizes in between ascend.
TEST(CostModel, AKernelWithTimesBySizeIsInterpolated) {
  DeviceProfile profile = toy_profile();
  profile.memory_overhead = Seconds(1e-6);
  profile.memory_kernels.push_back({.kind = KernelKind::kCopy,
                                    .sizes = {Bytes(8'000), Bytes(32'000)},
                                    .times = {Seconds(2e-6), Seconds(10e-6)}});
  const CostModel costs = model(slow_memory(), profile);
  const auto copy = [&](std::int64_t elements) {
    const Kernel kernel{.kind = KernelKind::kCopy, .dtype = Dtype::kFp32, .dims = {elements}};
    return costs.kernel(kernel).time.value();
  };
  EXPECT_NEAR(copy(500), 1.5e-6, 1e-18);
  EXPECT_NEAR(copy(1'000), 2e-6, 1e-18);
  EXPECT_NEAR(copy(2'000), 4e-6, 1e-18);
  EXPECT_NEAR(copy(4'000), 10e-6, 1e-18);
  EXPECT_NEAR(copy(16'000), 37e-6, 1e-18);
  for (std::int64_t elements = 1'000; elements < 4'000; elements += 100)
    EXPECT_LT(copy(elements), copy(elements + 100)) << elements;
}

TEST(CostModel, AMeasuredProductStandsBeforeTheModelInEveryStack) {
  DeviceProfile profile = toy_profile();
  profile.points.set({.kernel = gemm(64, 64, 64, KernelKind::kGemmForward, 1),
                      .time = Seconds(8e-6),
                      .relative_sigma = 0.01});
  StackProfile stack;
  stack.gemm_efficiency = 0.5;
  const CostModel costs = model(quick_memory(), profile, stack);
  const Cost measured = costs.kernel(gemm(64, 64, 64));
  EXPECT_EQ(measured.time, Seconds(16e-6));
  EXPECT_EQ(measured.grade, Grade::kMeasured);
  EXPECT_EQ(measured.relative_sigma, 0.01);
  EXPECT_EQ(costs.kernel(gemm(64, 64, 65)).grade, Grade::kFitted);
}

TEST(CostModel, AMeasuredAttentionCountsForStacksOfItsKernelLibrary) {
  DeviceProfile profile = toy_profile();
  profile.kernel_library = "stepcast";
  profile.points.set({.kernel = attention(1, 8, 128, 64), .time = Seconds(3e-6)});
  StackProfile stack;
  EXPECT_NE(model(quick_memory(), profile, stack).kernel(attention(1, 8, 128, 64)).time,
            Seconds(3e-6));
  stack.kernel_library = "stepcast";
  EXPECT_EQ(model(quick_memory(), profile, stack).kernel(attention(1, 8, 128, 64)).time,
            Seconds(3e-6));
}

TEST(CostModel, APointOfAnotherDeviceOfTheSameChipIsTransferred) {
  DeviceProfile profile = toy_profile();
  profile.device = "brother";
  profile.points.set({.kernel = gemm(64, 64, 64), .time = Seconds(8e-6)});
  EXPECT_EQ(model(quick_memory(), profile).kernel(gemm(64, 64, 64)).grade, Grade::kTransferred);
}

/// toy_profile() with tiles in waves over the 100 SMs of quick_memory().
DeviceProfile tiled_profile(double hardness, double tile0 = 0) {
  DeviceProfile profile = toy_profile();
  profile.gemm[static_cast<std::size_t>(Dtype::kFp16)]->waves =
      TileWaves{.hardness = hardness, .tile0 = tile0};
  return profile;
}

TEST(TileWaves, OneTileMoreThanTheChipHoldsCostsAWholeWave) {
  // Small tiles are made useless, so 256 x 128 ones of k = 1024 it is: 2 * 256 * 128 * 1024 flops
  // each, at 50 TFLOP/s over 100 SMs.
  const double wave = 2.0 * 256 * 128 * 1024 / (50e12 / 100);
  const CostModel costs = model(quick_memory(), tiled_profile(1, 900));
  EXPECT_NEAR(seconds(costs, gemm(256 * 10, 128 * 10, 1024)), wave, 1e-9 * wave);
  EXPECT_NEAR(seconds(costs, gemm(256 * 10 + 1, 128 * 10, 1024)), 2 * wave, 1e-9 * wave);
  EXPECT_NEAR(seconds(costs, gemm(256, 128, 1024)), wave, 1e-9 * wave) << "one SM works";
}

TEST(TileWaves, SoftWavesCostWhatTheyHoldButNeverLessThanOneTile) {
  const double wave = 2.0 * 256 * 128 * 1024 / (50e12 / 100);
  const CostModel costs = model(quick_memory(), tiled_profile(0, 900));
  EXPECT_NEAR(seconds(costs, gemm(256 * 15, 128 * 10, 1024)), 1.5 * wave, 1e-9 * wave);
  EXPECT_NEAR(seconds(costs, gemm(256, 128, 1024)), wave, 1e-9 * wave);
}

TEST(TileWaves, TheTileThatFitsTheShapeIsTaken) {
  // 64 x 64 tiles of equal rate: one wave of a quarter of the SMs' work in 128 x 128 ones.
  const CostModel costs = model(quick_memory(), tiled_profile(1));
  const double small = 2.0 * 64 * 64 * 1024 / (50e12 / 100);
  EXPECT_NEAR(seconds(costs, gemm(640, 640, 1024)), small, 1e-9 * small);
}

TEST(TileWaves, ADeviceWithoutSmsIsRefusedNotDividedBy) {
  Device device = quick_memory();
  device.num_sms = 0;
  EXPECT_NO_THROW(model(device, toy_profile())) << "the smooth form needs none";
  try {
    model(device, tiled_profile(1));
    FAIL() << "waves over no SMs";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    for (const char* words : {"toy-profile", "gemm.fp16.wave_hardness", "num_sms = 0", "m0 and n0"})
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

TEST(TileWaves, ABatchFillsTheWaves) {
  const CostModel costs = model(quick_memory(), tiled_profile(1, 900));
  EXPECT_DOUBLE_EQ(seconds(costs, gemm(256, 128, 1024, KernelKind::kBatchedGemmForward, 100)),
                   seconds(costs, gemm(256, 128, 1024, KernelKind::kBatchedGemmForward, 1)));
}

TEST(Burst, ShortBenchmarksRunFasterThanTrainingAndLongOnesDoNot) {
  DeviceProfile profile = toy_profile();
  GemmModel& products = *profile.gemm[static_cast<std::size_t>(Dtype::kFp16)];
  products.burst_gain = 0.25;
  products.burst_time = Seconds(1e-3);
  const auto ratio = [&](std::int64_t size) {  // training over benchmark
    const CostModel benchmark(quick_memory(), profile, ideal_network_profile(), StackProfile{},
                              Condition::kShortBenchmark);
    return seconds(model(quick_memory(), profile), gemm(size, size, size)) /
           seconds(benchmark, gemm(size, size, size));
  };
  EXPECT_NEAR(ratio(64), 1.25, 0.001);
  // 2 * 2924^3 flops take 1 ms at 50 TFLOP/s: half of the gain.
  EXPECT_NEAR(ratio(2924), 1.125, 0.001);
  EXPECT_NEAR(ratio(65536), 1.0, 0.001);
}

TEST(Burst, APointHasItsOwnTimeInShortBenchmarks) {
  DeviceProfile profile = toy_profile();
  profile.points.set({.kernel = gemm(64, 64, 64), .time = Seconds(8e-6), .burst = Seconds(7e-6)});
  profile.points.set({.kernel = gemm(64, 64, 128), .time = Seconds(9e-6)});
  const CostModel benchmark(quick_memory(), profile, ideal_network_profile(), StackProfile{},
                            Condition::kShortBenchmark);
  EXPECT_EQ(model(quick_memory(), profile).kernel(gemm(64, 64, 64)).time, Seconds(8e-6));
  EXPECT_EQ(benchmark.kernel(gemm(64, 64, 64)).time, Seconds(7e-6));
  EXPECT_EQ(benchmark.kernel(gemm(64, 64, 128)).time, Seconds(9e-6));
}

}  // namespace
}  // namespace stepcast
