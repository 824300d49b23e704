// Times made by a known model: the fit finds the form, the parameters and shapes that it never saw.
#include "kernels/profiler/gemm_fit.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/profiler/kernel_fit.h"
#include "kernels/profiler/sweep.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

constexpr auto kBf16 = static_cast<std::size_t>(Dtype::kBf16);

Device gpu() {
  Device device;
  device.name = "gpu";
  device.peak_bf16 = FlopsPerSec(300e12);
  device.memory_bandwidth = BytesPerSec(2e12);
  device.num_sms = 108;
  return device;
}

GemmModel in_waves() {
  return {.efficiency = 0.8,
          .memory_efficiency = 0.85,
          .k0 = 60,
          .waves = TileWaves{.hardness = 0.9, .tile0 = 40},
          .overhead = Seconds(4e-6),
          .wgrad_efficiency = 0.92};
}

GemmModel smooth() {
  return {.efficiency = 0.7,
          .memory_efficiency = 0.8,
          .m0 = 60,
          .n0 = 90,
          .k0 = 120,
          .overhead = Seconds(4e-6)};
}

/// Within +-`spread`, the same for the same kernel.
double noise(const Kernel& kernel, double spread) {
  return 1 + spread * (static_cast<double>(shape_hash(kernel) % 2001) / 1000 - 1);
}

/// The products of the full grid as a GPU that follows `model` would be timed at.
std::vector<TimedKernel> timed_by(const GemmModel& model, double spread = 0,
                                  Condition condition = Condition::kTraining) {
  DeviceProfile profile;
  profile.device = "gpu";
  profile.gemm[kBf16] = model;
  const CostModel costs(gpu(), profile, ideal_network_profile(), StackProfile{}, condition);
  std::vector<TimedKernel> timed;
  for (const Kernel& kernel : grid(full_gpu_grid({Dtype::kBf16})))
    if (info(kernel.kind).family == KernelFamily::kGemm)
      timed.push_back({.kernel = kernel,
                       .time = costs.kernel(kernel).time * noise(kernel, spread),
                       .disagreement = 0.01,
                       .condition = condition});
  return timed;
}

/// Of the shapes that the profiler holds back, by the fit to the others.
ErrorSummary held_out_error(const std::vector<TimedKernel>& timed, GemmForm form) {
  std::vector<TimedKernel> seen, unseen;
  for (const TimedKernel& one : timed) (is_held_out(one.kernel) ? unseen : seen).push_back(one);
  DeviceProfile profile;
  profile.device = "gpu";
  profile.gemm[kBf16] = fit_gemm_model(gpu(), seen, Dtype::kBf16, form);
  return summarize(errors_of(gpu(), profile, unseen));
}

TEST(GemmFit, FindsTheWavesThatMadeTheTimes) {
  const std::vector<TimedKernel> timed = timed_by(in_waves());
  ASSERT_EQ(choose_gemm_form(gpu(), timed, Dtype::kBf16), GemmForm::kWaves);
  const GemmModel found = fit_gemm_model(gpu(), timed, Dtype::kBf16, GemmForm::kWaves);
  EXPECT_NEAR(found.efficiency, 0.8, 0.008);
  EXPECT_NEAR(found.memory_efficiency, 0.85, 0.02);
  EXPECT_NEAR(found.k0, 60, 6);
  EXPECT_NEAR(found.waves->hardness, 0.9, 0.05);
  EXPECT_NEAR(found.waves->tile0, 40, 4);
  EXPECT_NEAR(found.overhead.value(), 4e-6, 0.4e-6);
  EXPECT_NEAR(found.wgrad_efficiency, 0.92, 0.01);
  EXPECT_NEAR(found.dgrad_efficiency, 1, 0.01);
  EXPECT_EQ(found.burst_gain, 0) << "nothing was timed in short benchmarks";
  const ErrorSummary error = held_out_error(timed, GemmForm::kWaves);
  EXPECT_GT(error.rows, 100);
  EXPECT_LT(error.median_abs, 0.005);
  EXPECT_LT(error.p90_abs, 0.02);
}

// A uniform spread of +-8 % is 4 % off in the median by itself.
TEST(GemmFit, FindsTheWavesUnderTheNoiseOfRealTimings) {
  const std::vector<TimedKernel> timed = timed_by(in_waves(), 0.08);
  ASSERT_EQ(choose_gemm_form(gpu(), timed, Dtype::kBf16), GemmForm::kWaves);
  EXPECT_LT(held_out_error(timed, GemmForm::kWaves).median_abs, 0.05);
  EXPECT_GT(held_out_error(timed, GemmForm::kSmooth).median_abs, 0.06);
}

TEST(GemmFit, ADeviceWithoutWavesIsSmoothThoughItHasSms) {
  const std::vector<TimedKernel> timed = timed_by(smooth(), 0.04);
  EXPECT_EQ(choose_gemm_form(gpu(), timed, Dtype::kBf16), GemmForm::kSmooth);
  EXPECT_LT(held_out_error(timed, GemmForm::kSmooth).median_abs, 0.03);
}

TEST(GemmFit, ACoreAndAHandfulOfShapesAreSmooth) {
  std::vector<TimedKernel> timed = timed_by(in_waves());
  Device core = gpu();
  core.num_sms = 1;
  EXPECT_EQ(choose_gemm_form(core, timed, Dtype::kBf16), GemmForm::kSmooth);
  timed.resize(23);
  EXPECT_EQ(choose_gemm_form(gpu(), timed, Dtype::kBf16), GemmForm::kSmooth);
}

TEST(GemmFit, ShortBenchmarksTellTheGainOfBursts) {
  GemmModel truth = in_waves();
  truth.burst_gain = 0.2;
  truth.burst_time = Seconds(2e-3);
  std::vector<TimedKernel> timed = timed_by(truth);
  const std::vector<TimedKernel> bursts = timed_by(truth, 0, Condition::kShortBenchmark);
  timed.insert(timed.end(), bursts.begin(), bursts.end());
  const GemmModel found = fit_gemm_model(gpu(), timed, Dtype::kBf16, GemmForm::kWaves);
  EXPECT_NEAR(found.efficiency, 0.8, 0.008);
  EXPECT_NEAR(found.burst_gain, 0.2, 0.01);
  EXPECT_NEAR(found.burst_time.value(), 2e-3, 0.3e-3);
}

TEST(GemmFit, AProfileSaysWhichFormItsProductsHave) {
  const auto name_with = [](const GemmModel& model) {
    return fit_profile(gpu(), timed_by(model), 0, "ours").errors.front().name;
  };
  EXPECT_EQ(name_with(in_waves()), "gemm bf16, in waves");
  EXPECT_EQ(name_with(smooth()), "gemm bf16");
}

/// A burst is no time of a training step.
TEST(GemmFit, ShortBenchmarksBecomeNoPoints) {
  const std::vector<TimedKernel> timed = timed_by(in_waves(), 0, Condition::kShortBenchmark);
  EXPECT_TRUE(fit_profile(gpu(), timed, 0.1, "ours").profile.points.empty());
}

}  // namespace
}  // namespace stepcast
