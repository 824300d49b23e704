#include "kernels/profiler/cpu_bench.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/live/cpu_launchers.h"
#include "kernels/profiler/profile_fit.h"
#include "kernels/profiler/sweep.h"

namespace stepcast {
namespace {

std::vector<Kernel> kernels_of(const std::vector<BenchCase>& cases) {
  std::vector<Kernel> kernels;
  for (const BenchCase& one : cases) kernels.push_back(one.kernel);
  return kernels;
}

/// One small kernel of each kind.
std::vector<BenchCase> small_cases() {
  GridLimits limits = quick_cpu_grid();
  limits.dtypes = {Dtype::kFp32, Dtype::kBf16};
  limits.gemms = 9;
  limits.longest_side = 64;
  limits.longest_sequence = 64;
  limits.most_bytes = 200'000;
  std::vector<BenchCase> cases;
  for (const Kernel& kernel : grid(limits)) cases.push_back(default_case(kernel));
  return cases;
}

TEST(CpuBench, EveryKernelOfTheCatalogueCanBeTimed) {
  const std::vector<BenchCase> cases = small_cases();
  CpuBench bench(cpu_launchers(), cases);
  const SystemClock clock;
  CoreStopwatch stopwatch(clock, 1e9);
  const ProfileRun run =
      run_profile(bench, kernels_of(cases), nullptr, {.rounds = 2, .repeats = 1}, stopwatch);
  EXPECT_TRUE(run.refused.empty());
  EXPECT_EQ(run.timed.size(), cases.size());
  for (const TimedKernel& one : run.timed) EXPECT_GT(one.time.value(), 0) << to_text(one.kernel);
}

// Sixteen turns of a kernel that updates in place, many times over: nothing drifts away.
TEST(CpuBench, NothingDriftsToInfinity) {
  for (const KernelKind kind : {KernelKind::kAdam, KernelKind::kGeluBackward, KernelKind::kCopy,
                                KernelKind::kClipGradient, KernelKind::kLambApply}) {
    const Kernel kernel{.kind = kind, .dtype = Dtype::kFp32, .dims = {1024}};
    const BenchCase bench_case = default_case(kernel);
    CpuBench bench(cpu_launchers(), {bench_case});
    const Trial trial = bench.trial(kernel);
    EXPECT_GE(trial.turns, 2);
    for (int i = 0; i < 2000; ++i) trial.run(i % trial.turns);
    for (const LiveOperand& operand : bench.operands_of(kernel, 0))
      for (std::int64_t e = 0; operand && e < operand.layout.elements(); ++e)
        ASSERT_TRUE(std::isfinite(operand.floats()[e])) << info(kind).name;
  }
}

TEST(CpuBench, RefusesWhatItWasNotToldOfAndOtherTypes) {
  const Kernel copy{.kind = KernelKind::kCopy, .dtype = Dtype::kFp32, .dims = {64}};
  Kernel half = copy, quarter = copy;
  half.dtype = Dtype::kBf16;
  quarter.dtype = Dtype::kFp8;
  const CpuBench bench(cpu_launchers(),
                       {default_case(copy), default_case(half), default_case(quarter)});
  EXPECT_EQ(bench.refusal(copy), "");
  EXPECT_EQ(bench.refusal(half), "");
  EXPECT_NE(bench.refusal(quarter).find("fp8"), std::string::npos);
  Kernel larger = copy;
  larger.dims[0] = 65;
  EXPECT_NE(bench.refusal(larger), "");
}

}  // namespace
}  // namespace stepcast
