#include "kernels/profiler/bench_case.h"

#include <gtest/gtest.h>

#include "sim/stepcast.h"
#include "tests/live/train.h"

namespace stepcast {
namespace {

const BenchCase& adam_of(const std::vector<BenchCase>& cases) {
  return *std::ranges::find_if(
      cases, [](const BenchCase& one) { return one.kernel.kind == KernelKind::kAdam; });
}

// Weights and moments lie behind each other in large buffers. A case takes memory for what the
// kernel works on, and for nothing that lies before it.
TEST(BenchCase, AnOptimizerNeedsTheBytesOfItsParameters) {
  live_test::TinyTraining tiny;
  tiny.model.num_layers = 2;
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const std::vector<BenchCase> cases = cases_of(job);
  const BenchCase& adam = adam_of(cases);
  ASSERT_GT(adam.operands.size(), 20u);
  // fp32 weight, gradient and two moments; 256 bytes of alignment for each operand.
  const std::int64_t bytes = 16 * adam.kernel.dims[0];
  EXPECT_GE(adam.bytes(), bytes);
  EXPECT_LT(adam.bytes(), bytes + 512 * static_cast<std::int64_t>(adam.operands.size()));
}

TEST(BenchCase, ImagesHaveTheExtentsOfTheirKernel) {
  const BenchCase convolution = default_case({.kind = KernelKind::kConvolutionWgrad,
                                              .dtype = Dtype::kFp32,
                                              .dims = {2, 3, 9, 7, 5, 3, 3, 2, 1}});
  EXPECT_EQ(convolution.operands[0].layout, Layout::dense(2, 3 * 9 * 7));
  EXPECT_EQ(convolution.operands[1].layout, Layout::dense(2, 5 * 5 * 4));
  EXPECT_EQ(convolution.operands[2].layout, Layout::dense(5, 3 * 3 * 3));
  const BenchCase pooling = default_case(
      {.kind = KernelKind::kMaxPoolingBackward, .dtype = Dtype::kFp32, .dims = {4, 9, 7, 3, 2, 1}});
  EXPECT_EQ(pooling.operands[1].layout, Layout::dense(4, 5 * 4));
  EXPECT_EQ(pooling.operands[2].layout, Layout::dense(4, 9 * 7));
}

}  // namespace
}  // namespace stepcast
