#include "sim/cost/transfer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/error.h"
#include "sim/cost/cost_model.h"

namespace stepcast {
namespace {

Device old_device() {
  Device device;
  device.name = "old";
  device.peak_fp32 = FlopsPerSec(1e13);
  device.peak_bf16 = FlopsPerSec(1e14);
  device.peak_fp8 = FlopsPerSec(2e14);
  device.memory_bandwidth = BytesPerSec(1e12);
  device.num_sms = 100;
  return device;
}

/// Twice the rates on four times the SMs, and no fp8.
Device new_device() {
  Device device = old_device();
  device.name = "new";
  device.peak_bf16 = FlopsPerSec(2e14);
  device.peak_fp8 = FlopsPerSec(0);
  device.memory_bandwidth = BytesPerSec(2e12);
  device.num_sms = 400;
  return device;
}

DeviceProfile measured() {
  DeviceProfile profile;
  profile.name = "old-profile";
  profile.device = "old";
  profile.also_for = {"older"};
  const GemmModel model{.efficiency = 0.8,
                        .memory_efficiency = 0.9,
                        .m0 = 10,
                        .n0 = 20,
                        .k0 = 30,
                        .grade = Grade::kMeasured,
                        .relative_sigma = 0.08};
  profile.gemm[static_cast<std::size_t>(Dtype::kBf16)] = model;
  profile.gemm[static_cast<std::size_t>(Dtype::kFp8)] = model;
  profile.memory_overhead = Seconds(1e-6);
  profile.memory_kernels.push_back(
      {.kind = KernelKind::kCopy, .sizes = {Bytes(1'000'000)}, .times = {Seconds(3e-6)}});
  profile.points.set({.kernel = {.kind = KernelKind::kCopy, .dtype = Dtype::kFp32, .dims = {8}},
                      .time = Seconds(1e-6)});
  return profile;
}

const GemmModel& bf16(const DeviceProfile& profile) {
  return *profile.gemm[static_cast<std::size_t>(Dtype::kBf16)];
}

TEST(Transfer, KeepsFractionsAndLetsWhatFillsTheChipGrowWithIt) {
  const DeviceProfile profile = transfer_profile(measured(), old_device(), new_device(), {});
  EXPECT_EQ(profile.device, "new");
  EXPECT_EQ(bf16(profile).efficiency, 0.8);
  EXPECT_DOUBLE_EQ(bf16(profile).m0, 20);  // four times the SMs, the root of it on each side
  EXPECT_DOUBLE_EQ(bf16(profile).n0, 40);
  EXPECT_EQ(bf16(profile).k0, 30);
  // 2 us above the overhead at half of the bandwidth.
  EXPECT_DOUBLE_EQ(profile.memory_kernels[0].times[0].value(), 2e-6);
}

TEST(Transfer, IsGradedSoAndLessCertain) {
  const DeviceProfile profile = transfer_profile(measured(), old_device(), new_device(), {});
  EXPECT_EQ(bf16(profile).grade, Grade::kTransferred);
  EXPECT_EQ(profile.memory_grade, Grade::kTransferred);
  const double added = transfer_sigma(KernelFamily::kGemm).plain;
  EXPECT_DOUBLE_EQ(bf16(profile).relative_sigma, std::sqrt(0.08 * 0.08 + added * added));
  EXPECT_TRUE(profile.points.empty());
  EXPECT_TRUE(profile.also_for.empty());
}

TEST(Transfer, ATypeThatTheTargetHasNotLosesItsModel) {
  const DeviceProfile profile = transfer_profile(measured(), old_device(), new_device(), {});
  EXPECT_FALSE(profile.gemm[static_cast<std::size_t>(Dtype::kFp8)]);
}

TEST(Transfer, AnAnchorSetsTheLevelOfItsClass) {
  const Kernel kernel{
      .kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {4096, 4096, 4096}};
  const auto time_with = [&](const DeviceProfile& profile) {
    return CostModel(new_device(), profile, ideal_network_profile(), StackProfile{})
        .kernel(kernel)
        .time;
  };
  const Seconds plain = time_with(transfer_profile(measured(), old_device(), new_device(), {}));
  const DeviceProfile anchored = transfer_profile(measured(), old_device(), new_device(),
                                                  {{.kernel = kernel, .time = plain * 1.25}});
  EXPECT_NEAR(time_with(anchored) / plain, 1.25, 1e-9);
  EXPECT_LT(bf16(anchored).relative_sigma,
            bf16(transfer_profile(measured(), old_device(), new_device(), {})).relative_sigma);
  EXPECT_EQ(anchored.memory_efficiency, measured().memory_efficiency);
}

TEST(Transfer, AConvolutionAnchorsConvolutions) {
  DeviceProfile source = measured();
  source.convolution[static_cast<std::size_t>(Dtype::kBf16)] =
      ConvolutionModel{.forward_efficiency = 0.5, .memory_efficiency = 0.9};
  const Kernel kernel{.kind = KernelKind::kConvolutionForward,
                      .dtype = Dtype::kBf16,
                      .dims = {64, 64, 56, 56, 64, 3, 3, 1, 1}};
  const auto cost_with = [&](const std::vector<MeasuredKernel>& anchors) {
    return CostModel(new_device(), transfer_profile(source, old_device(), new_device(), anchors),
                     ideal_network_profile(), StackProfile{})
        .kernel(kernel);
  };
  const Cost plain = cost_with({}), anchored = cost_with({{kernel, plain.time * 1.25}});
  EXPECT_NEAR(anchored.time / plain.time, 1.25, 1e-9);
  EXPECT_EQ(anchored.grade, Grade::kTransferred);
  EXPECT_LT(anchored.relative_sigma, plain.relative_sigma);
}

// A short benchmark runs at up to 1.25 times the rate of training. The anchor is what the target
// takes by the source's fractions, and so must change nothing.
TEST(Transfer, AnchorsOfShortBenchmarksAreNotTakenForTraining) {
  DeviceProfile source = measured();
  source.gemm[static_cast<std::size_t>(Dtype::kBf16)]->burst_gain = 0.25;
  const Kernel kernel{
      .kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {1024, 1024, 1024}};
  const DeviceProfile plain = transfer_profile(source, old_device(), new_device(), {});
  const Seconds burst = CostModel(new_device(), plain, ideal_network_profile(), StackProfile{},
                                  Condition::kShortBenchmark)
                            .kernel(kernel)
                            .time;
  const auto level_by = [&](Condition condition) {
    const DeviceProfile anchored = transfer_profile(source, old_device(), new_device(),
                                                    {{.kernel = kernel, .time = burst}}, condition);
    return bf16(anchored).efficiency / bf16(plain).efficiency;
  };
  EXPECT_NEAR(level_by(Condition::kShortBenchmark), 1, 1e-9);
  EXPECT_GT(level_by(Condition::kTraining), 1.15);
}

TEST(Transfer, AProfileOfAnotherDeviceIsRefused) {
  EXPECT_THROW(transfer_profile(measured(), new_device(), old_device(), {}), Error);
}

}  // namespace
}  // namespace stepcast
