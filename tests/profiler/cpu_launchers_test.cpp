// The launchers of the fast CPU kernels against those of the plain loops: every kernel of the
// catalogue on the profiler's default operands, and every kernel of small programs on operands laid
// out as there.
#include "kernels/live/cpu_launchers.h"

#include <gtest/gtest.h>

#include <random>

#include "kernels/profiler/bench_case.h"
#include "tests/live/train.h"

namespace stepcast {
namespace {

/// Memory for the operands of a case, the same for each launcher that gets one.
struct Operands {
  explicit Operands(const BenchCase& bench_case, bool add) {
    std::minstd_rand random(7);
    for (const BenchOperand& operand : bench_case.operands) {
      LiveOperand& live = live_operands.emplace_back();
      live.layout = operand.layout;
      live.dtype = operand.dtype;
      live.add = operand.access == Access::kWrite && (add || operand.add);
      std::vector<float>& memory = memories.emplace_back();
      if (operand.layout.rows == 0) continue;
      memory.resize(static_cast<std::size_t>(operand.layout.end()));
      for (float& value : memory) value = 0.05F + static_cast<float>(random() % 1000) / 1500.0F;
      if (operand.content == BenchOperand::Content::kIds)
        for (float& value : memory)
          reinterpret_cast<std::int32_t&>(value) =
              static_cast<std::int32_t>(random() % bench_case.ids_below);
      if (operand.content == BenchOperand::Content::kMask)
        std::fill_n(reinterpret_cast<std::uint8_t*>(memory.data()), operand.layout.end(), 1);
      live.memory = reinterpret_cast<std::byte*>(memory.data());
    }
  }
  void run(LauncherTable launchers, const BenchCase& bench_case) {
    const AdamSettings adam{.learning_rate = 0.01, .weight_decay = 0.1, .clip = 0.5};
    launchers[static_cast<std::size_t>(bench_case.kernel.kind)]({.kernel = bench_case.kernel,
                                                                 .arguments = bench_case.arguments,
                                                                 .operands = live_operands,
                                                                 .adam = adam,
                                                                 .step = 3});
  }
  std::vector<std::vector<float>> memories;
  std::vector<LiveOperand> live_operands;
};

void expect_agreement(BenchCase bench_case, bool add) {
  // Where the mask hides scores, probabilities are zeros, and the fast kernel does not look there.
  if (bench_case.kernel.kind == KernelKind::kScoreSoftmaxBackward)
    bench_case.arguments.causal = false;
  Operands expected(bench_case, add), got(bench_case, add);
  expected.run(reference_launchers(), bench_case);
  got.run(cpu_launchers(), bench_case);
  for (std::size_t i = 0; i < bench_case.operands.size(); ++i) {
    if (bench_case.operands[i].content != BenchOperand::Content::kNumbers) continue;
    const std::vector<float>&want = expected.memories[i], &have = got.memories[i];
    double largest = 1e-3, off = 0;
    for (std::size_t e = 0; e < want.size(); ++e) {
      largest = std::max(largest, std::abs(static_cast<double>(want[e])));
      off = std::max(off, std::abs(static_cast<double>(want[e]) - have[e]));
      ASSERT_EQ(std::isnan(want[e]), std::isnan(have[e])) << to_text(bench_case.kernel);
    }
    EXPECT_LE(off / largest, 2e-5)
        << to_text(bench_case.kernel) << " operand " << i << (add ? ", added to" : "");
  }
}

Kernel small(const KernelInfo& row) {
  Kernel kernel{.kind = row.kind, .dtype = Dtype::kFp32};
  switch (row.family) {
    case KernelFamily::kGemm:
      kernel.dims = {33, 17, 29};
      break;
    case KernelFamily::kBatchedGemm:
      kernel.dims = {9, 17, 5, 6};
      break;
    case KernelFamily::kAttention:
      kernel.dims = {2, 4, 2, 19, 19, 8};
      break;
    case KernelFamily::kMemoryBound:
      kernel.dims = {row.dim_names[1].empty() ? 4096 : 7};
      if (!row.dim_names[1].empty()) kernel.dims[1] = 65;
      break;
  }
  return kernel;
}

TEST(CpuLaunchers, AgreeWithPlainLoopsOnEveryKernelOfTheCatalogue) {
  for (const KernelInfo& row : kernel_table()) {
    Kernel kernel = small(row);
    expect_agreement(default_case(kernel), false);
    kernel.causal = row.family == KernelFamily::kAttention;
    if (kernel.causal) expect_agreement(default_case(kernel), false);
  }
}

// What the launchers say of themselves: a result is added to where the operand says so. Attention's
// and SwiGLU's gradients have one reader and are never added to.
TEST(CpuLaunchers, AddToResultsThatSaySo) {
  using enum KernelKind;
  for (const KernelKind kind :
       {kGemmForward, kGemmDgrad, kGemmWgrad, kBatchedGemmForward, kScoreSoftmaxBackward,
        kLayerNormBackward, kRmsNormBackward, kGeluBackward, kResidualDropoutBackward,
        kEmbeddingForward, kEmbeddingBackward, kCopy, kAccumulate, kAddGradient, kGradNorm})
    expect_agreement(default_case(small(info(kind))), true);
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
