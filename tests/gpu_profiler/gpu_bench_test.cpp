#include "kernels/gpu_profiler/gpu_bench.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/cpu/element.h"
#include "sim/base/error.h"
#include "tests/gpu_profiler/simulated_gpu.h"

namespace stepcast {
namespace {

Kernel product(std::int64_t m, std::int64_t n, std::int64_t k, Dtype dtype = Dtype::kBf16) {
  return {.kind = KernelKind::kGemmForward, .dtype = dtype, .dims = {m, n, k}};
}
Kernel copy(std::int64_t elements) {
  return {.kind = KernelKind::kCopy, .dtype = Dtype::kBf16, .dims = {elements}};
}
std::vector<BenchCase> cases(const std::vector<Kernel>& kernels) {
  std::vector<BenchCase> all;
  for (const Kernel& kernel : kernels) all.push_back(default_case(kernel));
  return all;
}

TEST(GpuBench, RunsWhatItWasToldOf) {
  SimulatedGpu gpu;
  GpuBench bench(gpu, cases({product(512, 512, 512)}));
  EXPECT_EQ(bench.refusal(product(512, 512, 512)), "");
  bench.trial(product(512, 512, 512)).run(0);
  EXPECT_EQ(gpu.launches, 1u);
  EXPECT_NE(bench.refusal(product(512, 512, 1024)), "");
}

// The last cache has 50 MiB. A product of 1.5 MiB: 16 sets of operands at the most; one of 96 MiB
// is larger than the cache twice over, but not one of 24.
TEST(GpuBench, SetsOfOperandsExceedTheLastCacheTogether) {
  SimulatedGpu gpu;
  const Kernel small = product(512, 512, 512), middle = product(2048, 2048, 2048),
               large = product(8192, 8192, 2048);
  GpuBench bench(gpu, cases({small, middle, large}));
  EXPECT_EQ(bench.trial(small).turns, 16);
  EXPECT_EQ(bench.trial(middle).turns, 5);
  EXPECT_EQ(bench.trial(large).turns, 1);
}

TEST(GpuBench, WhatDoesNotFitIsRefusedWithFigures) {
  SimulatedGpu gpu;
  gpu.memory = 1'000'000'000;
  // 1e9 elements of 2 bytes in and out; the smaller one 100 MB each.
  GpuBench bench(gpu, cases({copy(1'000'000'000), copy(50'000'000)}));
  EXPECT_EQ(bench.refusal(copy(50'000'000)), "");
  const std::string why = bench.refusal(copy(1'000'000'000));
  EXPECT_NE(why.find("needs 4.0 GB of GPU memory"), std::string::npos) << why;
  EXPECT_NE(why.find("room for 0.8 GB"), std::string::npos) << why;
  EXPECT_LE(gpu.allocated, gpu.memory);
}

TEST(GpuBench, OperandsAreRandomNumbersAndNeverZeros) {
  SimulatedGpu gpu;
  const GpuBench bench(gpu, cases({product(512, 512, 512)}));
  ASSERT_EQ(gpu.large_uploads.size(), 2u);
  for (const std::vector<std::byte>& upload : gpu.large_uploads) {
    std::set<std::uint16_t> different;
    double sum = 0;
    const auto* const values = reinterpret_cast<const Bf16*>(upload.data());
    const std::size_t count = 10'000;
    for (std::size_t i = 0; i < count; ++i) {
      const float value = widened(values[i]);
      EXPECT_GT(value, -1.01F);
      EXPECT_LT(value, 1.01F);
      sum += value;
      different.insert(values[i].bits);
    }
    EXPECT_GT(different.size(), 300u);
    // Means of uniform numbers: 0 of inputs, 0.5 of what is written to.
    const bool signed_ones = &upload == &gpu.large_uploads.front();
    EXPECT_NEAR(sum / static_cast<double>(count), signed_ones ? 0 : 0.5, 0.03);
  }
}

TEST(GpuBench, TokenIdsAreBelowTheirLimit) {
  SimulatedGpu gpu;
  BenchCase lookup = default_case(
      {.kind = KernelKind::kEmbeddingForward, .dtype = Dtype::kBf16, .dims = {1000, 64}});
  lookup.ids_below = 77;
  GpuBench bench(gpu, {lookup});
  (void)bench.trial(lookup.kernel);
  ASSERT_EQ(gpu.uploaded.size(), 4000u);
  const auto* const ids = reinterpret_cast<const std::int32_t*>(gpu.uploaded.data());
  std::set<std::int32_t> different;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_GE(ids[i], 0);
    ASSERT_LT(ids[i], 77);
    different.insert(ids[i]);
  }
  EXPECT_EQ(different.size(), 77u);
}

TEST(GpuBench, TheLoadIsAProductOnTensorCoresThatIsSoonOver) {
  SimulatedGpu gpu;
  // 1e14 flops are too many for one load, 1.1e12 are right; fp32 has no tensor cores.
  const Kernel huge = product(40'000, 40'000, 32'768), right = product(8192, 8192, 8192);
  const auto of = [&](const std::vector<Kernel>& kernels) {
    GpuBench bench(gpu, cases(kernels));
    return bench.heaviest() ? std::optional(bench.heaviest()->kernel) : std::nullopt;
  };
  EXPECT_EQ(of({copy(50'000'000), product(64, 64, 64), huge, right,
                product(8192, 8192, 8192, Dtype::kFp32)}),
            right);
  EXPECT_EQ(of({copy(1000), copy(50'000'000)}), copy(50'000'000));
  EXPECT_EQ(of({copy(1000), product(64, 64, 64)}), product(64, 64, 64));
  gpu.memory = gpu.allocated + 200'000'000;
  EXPECT_EQ(of({copy(1'000'000'000)}), std::nullopt);
}

}  // namespace
}  // namespace stepcast
