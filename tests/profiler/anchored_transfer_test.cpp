#include "kernels/profiler/anchored_transfer.h"

#include <gtest/gtest.h>

#include "kernels/profiler/kernel_fit.h"
#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

constexpr auto kBf16 = static_cast<std::size_t>(Dtype::kBf16);

Device gpu(const std::string& name, double peak, std::int64_t num_sms) {
  Device device;
  device.name = name;
  device.peak_bf16 = FlopsPerSec(peak);
  device.memory_bandwidth = BytesPerSec(peak / 150);
  device.num_sms = num_sms;
  return device;
}
const Device kOld = gpu("old", 300e12, 108), kNew = gpu("new", 1000e12, 132);

DeviceProfile profile_of(const Device& device, double efficiency, double hardness) {
  DeviceProfile profile;
  profile.name = device.name;
  profile.device = device.name;
  profile.gemm[kBf16] = GemmModel{.efficiency = efficiency,
                                  .memory_efficiency = 0.85,
                                  .k0 = 100,
                                  .waves = TileWaves{.hardness = hardness, .tile0 = 20},
                                  .overhead = Seconds(4e-6),
                                  .relative_sigma = 0.05};
  return profile;
}

/// Of one to a few waves, where their hardness counts; long enough to be bound by work.
std::vector<Kernel> products() {
  std::vector<Kernel> kernels;
  for (const std::int64_t m : {1024, 1536, 2304, 3072})
    for (const std::int64_t n : {1280, 2176, 3328})
      kernels.push_back(
          {.kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {m, n, 4096}});
  return kernels;
}

/// What the new device really takes: softer waves and a lower level than the old one's.
std::vector<TimedKernel> timed_on_new() {
  const CostModel costs(kNew, profile_of(kNew, 0.6, 0.2), ideal_network_profile(), StackProfile{});
  std::vector<TimedKernel> timed;
  for (const Kernel& kernel : products())
    timed.push_back({.kernel = kernel, .time = costs.kernel(kernel).time});
  return timed;
}

DeviceProfile carried_over(std::size_t anchors) {
  std::vector<MeasuredKernel> some;
  for (const TimedKernel& one : timed_on_new())
    if (some.size() < anchors) some.push_back({.kernel = one.kernel, .time = one.time});
  return transfer_anchored(profile_of(kOld, 0.8, 0.9), kOld, kNew, some, Condition::kTraining);
}

TEST(AnchoredTransfer, AHandfulOfProductsTellsHowHardWavesAre) {
  const DeviceProfile levelled = carried_over(5);
  EXPECT_EQ(levelled.gemm[kBf16]->waves->hardness, 0.9) << "five set the level";
  const DeviceProfile refitted = carried_over(12);
  EXPECT_LT(refitted.gemm[kBf16]->waves->hardness, 0.7) << "0.2 is true, 0.9 was carried over";
  EXPECT_NEAR(refitted.gemm[kBf16]->efficiency, 0.6, 0.06);
  const auto error = [&](const DeviceProfile& profile) {
    return summarize(errors_of(kNew, profile, timed_on_new())).p90_abs;
  };
  EXPECT_LT(error(refitted), 0.7 * error(levelled));
}

TEST(AnchoredTransfer, IsGradedTransferredAndLessUncertainThanALevel) {
  const GemmModel refitted = *carried_over(12).gemm[kBf16];
  EXPECT_EQ(refitted.grade, Grade::kTransferred);
  EXPECT_LT(refitted.relative_sigma, carried_over(5).gemm[kBf16]->relative_sigma);
  EXPECT_GT(refitted.relative_sigma, kRefittedSigma);
}

TEST(AnchoredTransfer, ProductsOfATypeWithoutAModelAreRefused) {
  std::vector<MeasuredKernel> anchors;
  for (TimedKernel one : timed_on_new()) {
    one.kernel.dtype = Dtype::kFp8;
    anchors.push_back({.kernel = one.kernel, .time = one.time});
  }
  EXPECT_THROW(
      transfer_anchored(profile_of(kOld, 0.8, 0.9), kOld, kNew, anchors, Condition::kTraining),
      Error);
}

}  // namespace
}  // namespace stepcast
