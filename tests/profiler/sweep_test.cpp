#include "kernels/profiler/sweep.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "kernels/profiler/bench_case.h"
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
    EXPECT_TRUE(row.family != KernelFamily::kMemoryBound || sizes[row.kind] >= 7) << row.name;
}

// Where sizes lie a factor of two apart, a shape held out leaves a gap of four, in which a cache
// may end.
TEST(Sweep, SizesOnACoreLieAtMostHalfApart) {
  std::vector<std::int64_t> elements;
  for (const Kernel& kernel : grid(quick_cpu_grid()))
    if (kernel.kind == KernelKind::kCopy) elements.push_back(kernel.dims[0]);
  ASSERT_GE(elements.size(), 20u);
  for (std::size_t i = 1; i < elements.size(); ++i)
    EXPECT_LE(2 * elements[i], 3 * elements[i - 1]) << elements[i];
}

// How long its rows are decides what a softmax takes, and its elements don't say it: one length
// where they are few, so that size alone tells.
TEST(Sweep, ScoresAreOfSequencesOfOneLength) {
  for (const Kernel& kernel : grid(quick_cpu_grid())) {
    if (kernel.kind != KernelKind::kScoreSoftmaxForward) continue;
    EXPECT_EQ(default_case(kernel).operands[0].layout.columns, 128) << to_text(kernel);
  }
}

// Three passes of twenty layers, as far as the limit lets them.
TEST(Sweep, AGridHasConvolutionsOfEveryPass) {
  std::map<KernelKind, int> passes;
  for (const Kernel& kernel : grid(quick_cpu_grid()))
    if (info(kernel.kind).family == KernelFamily::kConvolution) ++passes[kernel.kind];
  EXPECT_EQ(passes.size(), 3u);
  for (const auto& [kind, count] : passes) EXPECT_GE(count, 24) << info(kind).name;
}

// No kernel here normalises, pools or compresses 16-bit numbers.
TEST(Sweep, KernelsOfOneTypeAreNotAskedForInOthers) {
  for (const Kernel& kernel : grid(full_gpu_grid({Dtype::kBf16})))
    EXPECT_FALSE(info(kernel.kind).work.needs_own_time) << to_text(kernel);
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
  for (const Kernel& kernel : grid(full_gpu_grid({Dtype::kFp8})))
    EXPECT_EQ(kernel.kind, KernelKind::kGemmForward);
  for (const Kernel& kernel : grid(full_gpu_grid({Dtype::kTf32}))) {
    const KernelFamily family = info(kernel.kind).family;
    EXPECT_TRUE(family == KernelFamily::kGemm || family == KernelFamily::kConvolution);
  }
}

}  // namespace
}  // namespace stepcast
