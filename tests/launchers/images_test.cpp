// Launchers of kernels that no program has yet: images, compression, LAMB and clipping on the
// emulated GPU, against plain loops, on the operands that the profiler gives them.
#include <gtest/gtest.h>

#include "kernels/cuda/stream.h"
#include "kernels/device/cuda_launchers.h"
#include "sim/base/error.h"
#include "tests/support/case_operands.h"
#include "tests/support/small_kernels.h"

namespace stepcast {
namespace {

using enum KernelKind;

/// Memory of an emulated GPU is the host's.
void expect_agreement(const BenchCase& bench_case, bool add) {
  SCOPED_TRACE(add ? "added to" : "written");
  const DeviceStream stream;
  DeviceContext context(stream.handle());
  CaseOperands expected(bench_case, add), got(bench_case, add);
  expected.run(reference_launchers(), bench_case);
  got.run(cuda_launchers(), bench_case, &context);
  stream.synchronize();
  expect_same_operands(bench_case, expected, got, 2e-5);
}

TEST(CudaLaunchers, AgreeWithPlainLoopsOnImagesAndCompression) {
  for (const KernelInfo& row : kernel_table())
    if (row.family == KernelFamily::kConvolution || row.work.needs_own_time)
      expect_agreement(default_case(small_kernel(row)), false);
}

TEST(CudaLaunchers, AddToResultsOfImagesThatSaySo) {
  for (const KernelKind kind :
       {kConvolutionForward, kConvolutionDgrad, kConvolutionWgrad, kBatchNormForward,
        kBatchNormBackward, kMaxPoolingForward, kMaxPoolingBackward, kAveragePoolingForward,
        kAveragePoolingBackward, kDequantize})
    expect_agreement(default_case(small_kernel(info(kind))), true);
}

TEST(CudaLaunchers, LambAndClippingAgreeWithPlainLoops) {
  for (const KernelKind kind : {kLambDirection, kLambApply, kClipGradient})
    for (const Dtype dtype : {Dtype::kFp32, Dtype::kBf16}) {
      const BenchCase bench_case = default_case(small_kernel(info(kind), dtype));
      expect_agreement(bench_case, false);
    }
}

TEST(CudaLaunchers, OfImagesRefuseOtherTypes) {
  const BenchCase bench_case = default_case(small_kernel(info(kQuantize), Dtype::kBf16));
  CaseOperands operands(bench_case, false);
  EXPECT_THROW(operands.run(cuda_launchers(), bench_case), Error);
}

}  // namespace
}  // namespace stepcast
