// The launchers of the fast CPU kernels against those of the plain loops: every kernel of the
// catalogue on the profiler's default operands, and every kernel of small programs on operands laid
// out as there.
#include "kernels/live/cpu_launchers.h"

#include <gtest/gtest.h>

#include "tests/live/train.h"
#include "tests/support/case_operands.h"
#include "tests/support/small_kernels.h"

namespace stepcast {
namespace {

void expect_agreement(BenchCase bench_case, bool add) {
  SCOPED_TRACE(add ? "added to" : "written");
  // Where the mask hides scores, probabilities are zeros, and the fast kernel does not look there.
  if (bench_case.kernel.kind == KernelKind::kScoreSoftmaxBackward)
    bench_case.arguments.causal = false;
  CaseOperands expected(bench_case, add), got(bench_case, add);
  expected.run(reference_launchers(), bench_case);
  got.run(cpu_launchers(), bench_case);
  expect_same_operands(bench_case, expected, got, 2e-5);
}

TEST(CpuLaunchers, AgreeWithPlainLoopsOnEveryKernelOfTheCatalogue) {
  for (const KernelInfo& row : kernel_table()) {
    Kernel kernel = small_kernel(row);
    expect_agreement(default_case(kernel), false);
    kernel.causal = row.family == KernelFamily::kAttention;
    if (kernel.causal) expect_agreement(default_case(kernel), false);
  }
}

// What the launchers say of themselves: a result is added to where the operand says so. Attention's
// and SwiGLU's gradients have one reader and are never added to.
TEST(CpuLaunchers, AddToResultsThatSaySo) {
  using enum KernelKind;
  for (const KernelKind kind : {kGemmForward,
                                kGemmDgrad,
                                kGemmWgrad,
                                kBatchedGemmForward,
                                kScoreSoftmaxBackward,
                                kLayerNormBackward,
                                kRmsNormBackward,
                                kGeluBackward,
                                kResidualDropoutBackward,
                                kEmbeddingForward,
                                kEmbeddingBackward,
                                kCopy,
                                kAccumulate,
                                kAddGradient,
                                kGradNorm,
                                kConvolutionForward,
                                kConvolutionDgrad,
                                kConvolutionWgrad,
                                kBatchNormForward,
                                kBatchNormBackward,
                                kMaxPoolingForward,
                                kMaxPoolingBackward,
                                kAveragePoolingForward,
                                kAveragePoolingBackward,
                                kDequantize})
    expect_agreement(default_case(small_kernel(info(kind))), true);
}

// The fp32 copy of 16-bit weights is what moves, and the weights are rounded from it.
TEST(CpuLaunchers, LambMovesTheCopyOf16BitWeights) {
  const Kernel kernel{.kind = KernelKind::kLambApply, .dtype = Dtype::kBf16, .dims = {64}};
  const BenchCase bench_case = default_case(kernel);
  CaseOperands got(bench_case, false), want(bench_case, false);
  got.run(cpu_launchers(), bench_case);
  want.run(reference_launchers(), bench_case);
  EXPECT_EQ(got.memories[2], want.memories[2]);
  for (std::size_t e = 0; e < 64; ++e)
    EXPECT_NEAR(got.memories[3][e], want.memories[3][e], 1e-6) << e;
}

TEST(CpuLaunchers, OfImagesRefuseOtherTypesAndWindowsThatAreNotSquare) {
  const auto refused = [](const Kernel& kernel) {
    const BenchCase bench_case = default_case(kernel);
    CaseOperands operands(bench_case, false);
    try {
      operands.run(cpu_launchers(), bench_case);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(refused(small_kernel(info(KernelKind::kTopK), Dtype::kBf16)).find("only fp32"),
            std::string::npos);
  Kernel oblong = small_kernel(info(KernelKind::kConvolutionForward));
  EXPECT_EQ(refused(oblong), "");
  oblong.dims[6] = 1;
  EXPECT_NE(refused(oblong).find("square windows"), std::string::npos);
}

void expect_agreement_in_programs(const live_test::TinyTraining& tiny) {
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const std::vector<BenchCase> cases = cases_of(job);
  EXPECT_GT(cases.size(), 15u);
  for (const BenchCase& one : cases) expect_agreement(one, false);
}

TEST(CpuLaunchers, AgreeOnTheKernelsOfPrograms) {
  live_test::TinyTraining gpt;
  expect_agreement_in_programs(gpt);
  gpt.plan.tp = 2;
  gpt.plan.sequence_parallel = true;
  expect_agreement_in_programs(gpt);
  gpt.traits.flash_attention = false;
  expect_agreement_in_programs(gpt);
  live_test::TinyTraining llama;
  llama.become_llama();
  expect_agreement_in_programs(llama);
}

}  // namespace
}  // namespace stepcast
