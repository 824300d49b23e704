#include "kernels/profiler/bench_case.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

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
