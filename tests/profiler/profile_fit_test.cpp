#include "kernels/profiler/profile_fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/profiler/model_fits.h"
#include "sim/base/error.h"
#include "sim/cost/cost_model.h"

namespace stepcast {
namespace {

Device device() {
  Device device;
  device.name = "toy";
  device.peak_fp32 = FlopsPerSec(1e11);
  device.memory_bandwidth = BytesPerSec(2e10);
  device.num_sms = 1;
  return device;
}

std::vector<Kernel> products() {
  std::vector<Kernel> kernels;
  for (const std::int64_t m : {64, 256, 1024})
    for (const std::int64_t n : {64, 192, 768})
      for (const std::int64_t k : {32, 128, 512})
        for (const KernelKind kind :
             {KernelKind::kGemmForward, KernelKind::kGemmDgrad, KernelKind::kGemmWgrad})
          kernels.push_back({.kind = kind, .dtype = Dtype::kFp32, .dims = {m, n, k}});
  return kernels;
}

std::vector<Kernel> attentions() {
  std::vector<Kernel> kernels;
  for (const std::int64_t length : {64, 128, 256, 512})
    for (const std::int64_t head_dim : {32, 64})
      for (const bool causal : {false, true})
        for (const KernelKind kind :
             {KernelKind::kFlashAttentionForward, KernelKind::kFlashAttentionBackward})
          kernels.push_back({.kind = kind,
                             .dtype = Dtype::kFp32,
                             .causal = causal,
                             .dims = {2, 4, 4, length, length, head_dim}});
  return kernels;
}

/// What a machine that follows `profile` exactly would be measured at.
std::vector<TimedKernel> timed_by(const DeviceProfile& profile,
                                  const std::vector<Kernel>& kernels) {
  const CostModel costs(device(), profile, ideal_network_profile(), StackProfile{});
  std::vector<TimedKernel> timed;
  for (const Kernel& kernel : kernels)
    timed.push_back({.kernel = kernel, .time = costs.kernel(kernel).time, .disagreement = 0.01});
  return timed;
}

DeviceProfile truth() {
  DeviceProfile profile;
  profile.device = "toy";
  profile.gemm[static_cast<std::size_t>(Dtype::kFp32)] = GemmModel{.efficiency = 0.9,
                                                                   .memory_efficiency = 0.7,
                                                                   .m0 = 18,
                                                                   .n0 = 23,
                                                                   .k0 = 9,
                                                                   .overhead = Seconds(1e-6),
                                                                   .wgrad_efficiency = 0.8,
                                                                   .dgrad_efficiency = 0.95};
  profile.attention[static_cast<std::size_t>(Dtype::kFp32)] = {
      AttentionModel{.head_dims = {32, 64},
                     .efficiency = {0.3, 0.4},
                     .s0 = 40,
                     .causal_s0_factor = 2,
                     .backward_over_forward = 2.8,
                     .overhead = Seconds(2e-6)}};
  return profile;
}

TEST(ProfileFit, FindsTheModelThatMadeTheTimes) {
  std::vector<Kernel> kernels = products();
  for (const Kernel& kernel : attentions()) kernels.push_back(kernel);
  const FittedProfile fitted = fit_profile(device(), timed_by(truth(), kernels), 0, "ours");
  // Two models, two classes (the only large products are bounds, which are never held out), and
  // all.
  std::string names;
  for (const ModelError& error : fitted.errors) names += error.name + "; ";
  ASSERT_EQ(fitted.errors.size(), 5u) << names;
  for (const ModelError& error : fitted.errors) {
    EXPECT_GT(error.held_out, 5u) << error.name;
    EXPECT_LT(error.median_abs, 0.01) << error.name;
    EXPECT_LT(error.p90_abs, 0.03) << error.name;
  }
  const GemmModel& gemm = *fitted.profile.gemm[static_cast<std::size_t>(Dtype::kFp32)];
  EXPECT_NEAR(gemm.wgrad_efficiency / gemm.dgrad_efficiency, 0.8 / 0.95, 0.02);
  EXPECT_EQ(gemm.grade, Grade::kFitted);
  const AttentionModel& attention =
      fitted.profile.attention[static_cast<std::size_t>(Dtype::kFp32)].front();
  EXPECT_NEAR(attention.backward_over_forward, 2.8, 0.1);
}

TEST(ProfileFit, HoldsTwoShapesInFiveBack) {
  std::size_t held = 0;
  for (std::int64_t i = 1; i <= 1000; ++i)
    held += is_held_out({.kind = KernelKind::kCopy, .dtype = Dtype::kFp32, .dims = {i}});
  EXPECT_NEAR(static_cast<double>(held), 400, 60);
}

TEST(ProfileFit, PointsAreKeptWhereHalvesAgree) {
  std::vector<TimedKernel> timed = timed_by(truth(), products());
  timed[3].disagreement = 0.5;
  const FittedProfile fitted = fit_profile(device(), timed, 0.1, "ours");
  EXPECT_EQ(fitted.profile.points.all().size(), timed.size() - 1);
  EXPECT_EQ(fitted.profile.points.find(timed[3].kernel), nullptr);
}

// An Adam of n parameters moves 28 n bytes: 1, 10 and 100 thousand parameters in 5, 20 and 400 us.
TEST(ProfileFit, MemoryBoundKernelsBecomeTimesBySize) {
  const auto adam = [](std::int64_t n, double seconds) {
    return TimedKernel{.kernel = {.kind = KernelKind::kAdam, .dtype = Dtype::kFp32, .dims = {n}},
                       .time = Seconds(seconds)};
  };
  const MemoryKernelModel model =
      fit_memory_kernel_model({adam(100'000, 4e-4), adam(1'000, 5e-6), adam(10'000, 2e-5)});
  EXPECT_EQ(model.sizes, (std::vector<Bytes>{Bytes(28'000), Bytes(280'000), Bytes(2'800'000)}));
  EXPECT_EQ(model.times, (std::vector<Seconds>{Seconds(5e-6), Seconds(2e-5), Seconds(4e-4)}));
}

TEST(ProfileFit, ALargerKernelThatTookNoLongerIsPooledWithItsNeighbour) {
  const auto copy = [](std::int64_t n, double seconds) {
    return TimedKernel{.kernel = {.kind = KernelKind::kCopy, .dtype = Dtype::kFp32, .dims = {n}},
                       .time = Seconds(seconds)};
  };
  // 8 bytes an element. The second and third are out of order: 150 elements in 3 us together.
  const MemoryKernelModel model =
      fit_memory_kernel_model({copy(50, 1e-6), copy(100, 4e-6), copy(200, 2e-6), copy(400, 9e-6)});
  ASSERT_EQ(model.times.size(), 3u);
  EXPECT_EQ(model.sizes[1], Bytes(1200));
  EXPECT_DOUBLE_EQ(model.times[1].value(), 3e-6);
}

TEST(ProfileFit, TooFewShapesMakeNoModelButPoints) {
  std::vector<TimedKernel> timed = timed_by(truth(), products());
  timed.resize(5);
  const FittedProfile fitted = fit_profile(device(), timed, 0.1, "ours");
  EXPECT_FALSE(fitted.profile.gemm[static_cast<std::size_t>(Dtype::kFp32)]);
  EXPECT_EQ(fitted.profile.points.all().size(), 5u);
  EXPECT_THROW(fit_profile(device(), {}, 0.1, "ours"), Error);
}

TEST(ProfileFit, ABurstGoesWithThePointOfItsKernel) {
  const Kernel kernel = products().front(), other = products().back();
  const std::vector<TimedKernel> timed = {
      {.kernel = kernel, .time = Seconds(4), .condition = Condition::kShortBenchmark},
      {.kernel = other, .time = Seconds(3), .condition = Condition::kShortBenchmark},
      {.kernel = kernel, .time = Seconds(5)}};
  const FittedProfile fitted = fit_profile(device(), timed, 0.1, "ours");
  ASSERT_EQ(fitted.profile.points.all().size(), 1u);
  EXPECT_EQ(fitted.profile.points.find(kernel)->time, Seconds(5));
  EXPECT_EQ(fitted.profile.points.find(kernel)->burst, Seconds(4));
}

}  // namespace
}  // namespace stepcast
