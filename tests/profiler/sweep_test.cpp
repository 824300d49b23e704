#include "kernels/profiler/sweep.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sim/stepcast.h"

namespace stepcast {
namespace {

std::set<std::string> names_of(const std::vector<Kernel>& kernels) {
  std::set<std::string> names;
  for (const Kernel& kernel : kernels) names.insert(to_text(kernel));
  return names;
}

TEST(Sweep, AScenarioNeedsEachKernelOfItsProgramsOnce) {
  Library library = find_library();
  const Scenario scenario = load_scenario(
      std::string(STEPCAST_SOURCE_DIR) + "/scenarios/gpt3-175b-1024xa100.json", library);
  const Job job = build_programs(scenario);
  const std::vector<Kernel> kernels = kernels_of(job);
  EXPECT_EQ(names_of(kernels).size(), kernels.size());
  std::set<std::string> in_programs;
  for (const Program& program : job.programs)
    for (const Block& block : program.blocks)
      for (const Op& op : block.ops)
        if (const auto* compute = std::get_if<Compute>(&op.what))
          in_programs.insert(to_text(compute->kernel));
  EXPECT_EQ(names_of(kernels), in_programs);
  // A hundred thousand ops, some dozens of kernels.
  EXPECT_GT(kernels.size(), 15u);
  EXPECT_LT(kernels.size(), 100u);
}

TEST(Sweep, AGridHasEveryKernelThatStreamsAtManySizes) {
  const GridLimits limits = quick_cpu_grid();
  std::map<KernelKind, int> sizes;
  for (const Kernel& kernel : grid(limits)) {
    if (info(kernel.kind).family != KernelFamily::kMemoryBound) continue;
    ++sizes[kernel.kind];
    EXPECT_GE(bytes_of(kernel).value(), limits.least_bytes);
    EXPECT_LE(bytes_of(kernel).value(), limits.most_bytes);
  }
  for (const KernelInfo& row : kernel_table())
    EXPECT_TRUE(row.family != KernelFamily::kMemoryBound || sizes[row.kind] >= 8) << row.name;
}

TEST(Sweep, AGridHasTheProductsThatWereAskedForWithinTheLimit) {
  const GridLimits limits = quick_cpu_grid();
  std::map<KernelKind, int> products;
  for (const Kernel& kernel : grid(limits)) {
    EXPECT_LE(flops_of(kernel).value(), limits.most_flops);
    if (info(kernel.kind).family == KernelFamily::kGemm) ++products[kernel.kind];
  }
  EXPECT_EQ(products[KernelKind::kGemmForward] + products[KernelKind::kGemmDgrad] +
                products[KernelKind::kGemmWgrad],
            40);
  EXPECT_GE(products[KernelKind::kGemmWgrad], 13);
}

TEST(Sweep, AGridHasNoKernelTwiceAndIsTheSameEveryTime) {
  const std::vector<Kernel> kernels = grid(full_gpu_grid({Dtype::kBf16, Dtype::kFp8}));
  EXPECT_EQ(names_of(kernels).size(), kernels.size());
  EXPECT_EQ(kernels, grid(full_gpu_grid({Dtype::kBf16, Dtype::kFp8})));
}

// cuBLASLt multiplies fp8 in the layout of forward alone, and tf32 is fp32 in memory.
TEST(Sweep, TypesOfProductsAloneHaveNoOtherKernels) {
  for (const Dtype dtype : {Dtype::kTf32, Dtype::kFp8})
    for (const Kernel& kernel : grid(full_gpu_grid({dtype}))) {
      EXPECT_EQ(info(kernel.kind).family, KernelFamily::kGemm);
      EXPECT_TRUE(dtype == Dtype::kTf32 || kernel.kind == KernelKind::kGemmForward);
    }
}

}  // namespace
}  // namespace stepcast
