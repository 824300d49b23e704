// Programs that run on the kernels for GPUs, emulated, train as they do on plain loops: every
// launcher reads the operands that lowering gives it as the reference does.
#include <gtest/gtest.h>
#include <stdlib.h>

#include "kernels/device/cuda_launchers.h"
#include "kernels/device/cuda_platform.h"
#include "kernels/device/nccl_exchange.h"
#include "tests/live/plans.h"

namespace stepcast::live_test {
namespace {

/// All ranks share the one emulated GPU, and communicate through memory of the host.
CudaPlatform shared_gpu(const TinyTraining& tiny) {
  return CudaPlatform(GpuPlacement(static_cast<int>(tiny.plan.world_size()), 1));
}

void expect_same_on_gpu(TinyTraining tiny) {
  tiny.model.num_layers = 2;
  tiny.training.global_batch_size = 2;
  tiny.steps = 2;
  const Outcome plain = train(tiny);
  const CudaPlatform platform = shared_gpu(tiny);
  tiny.platform = &platform;
  const Outcome emulated = train(tiny);
  const Distance d = distance(plain, emulated);
  EXPECT_LE(d.loss, kLossBound);
  EXPECT_LE(d.norm, kNormBound);
  EXPECT_LE(d.program_norm, 2 * kNormBound);
  EXPECT_LE(d.gradient, kGradientBound) << d.tensor;
}

TinyTraining llama() {
  TinyTraining tiny;
  tiny.become_llama();
  tiny.model.num_kv_heads = 2;
  return tiny;
}

TEST(TrainingOnGpuKernels, Gpt) { expect_same_on_gpu({}); }

TEST(TrainingOnGpuKernels, LlamaWithGroupedQueries) { expect_same_on_gpu(llama()); }

// Scores, their mask, and products of heads that share their keys.
TEST(TrainingOnGpuKernels, UnfusedAttention) {
  for (TinyTraining tiny : {TinyTraining{}, llama()}) {
    tiny.traits.flash_attention = false;
    tiny.traits.attention_dropout = true;
    expect_same_on_gpu(tiny);
  }
}

// A split vocabulary and split sequences, gradients that are added, SGD.
TEST(TrainingOnGpuKernels, TwoRanksThatShareEveryLayer) {
  TinyTraining tiny;
  tiny.plan.tp = 2;
  tiny.plan.sequence_parallel = true;
  tiny.traits.autograd_accumulation = true;
  tiny.training.optimizer = "sgd";
  expect_same_on_gpu(tiny);
}

/// In bf16 plans and kernels round differently; the bounds are those of
/// tests/live/mixed_precision_test.cpp, where they are explained.
void expect_near_on_gpu(TinyTraining tiny) {
  tiny.model.num_layers = 2;
  tiny.training.global_batch_size = 2;
  tiny.training.precision = Dtype::kBf16;
  tiny.steps = 2;
  const Outcome plain = train(tiny);
  const CudaPlatform platform = shared_gpu(tiny);
  tiny.platform = &platform;
  const Distance d = distance(plain, train(tiny));
  EXPECT_LE(d.loss, 1e-3);
  EXPECT_LE(d.norm, 1e-2);
  EXPECT_LE(d.gradient, 4e-2) << d.tensor;
}

TEST(TrainingOnGpuKernels, Bf16WithFp32CopiesOfTheWeights) {
  for (const TinyTraining& tiny : {TinyTraining{}, llama()}) expect_near_on_gpu(tiny);
}

TEST(TrainingOnGpuKernels, Bf16WithGradientsSummedInBf16) {
  for (TinyTraining tiny : {TinyTraining{}, llama()}) {
    tiny.traits.fp32_gradients = false;
    expect_near_on_gpu(tiny);
  }
}

// Heads of 16 elements, so that attention runs on (emulated) tensor cores.
TEST(TrainingOnGpuKernels, Bf16OnTensorCores) {
  TinyTraining tiny = llama();
  tiny.model.head_dim = 16;
  tiny.model.num_heads = tiny.model.num_kv_heads = 1;
  expect_near_on_gpu(tiny);
}

// ---- a GPU for each rank ----

/// Eight emulated GPUs, whose ranks communicate by NCCL's calls.
class OwnGpus : public testing::Test {
 protected:
  void SetUp() override { ::setenv("STEPCAST_EMULATED_GPUS", "8", 1); }
  void TearDown() override { ::unsetenv("STEPCAST_EMULATED_GPUS"); }

  static Outcome train_on_own(TinyTraining tiny) {
    const CudaPlatform platform(GpuPlacement(static_cast<int>(tiny.plan.world_size()), 8),
                                nccl_exchange);
    tiny.platform = &platform;
    return train(tiny);
  }
};

TEST_F(OwnGpus, PlansTrainAsOneRankDoes) {
  TinyTraining base;
  base.training.global_batch_size = 4;
  base.steps = 2;
  const Outcome one = train(base);
  for (const Case& c :
       {plan("dp 2, buckets", 2, 1, 1, buckets), plan("dp 4, zero 1", 4, 1, 1, zero),
        plan("tp 2, sp", 1, 2, 1, sequence_parallel), plan("pp 2", 1, 1, 2),
        plan("pp 4, gpipe", 1, 1, 4, gpipe), plan("pp 2, interleaved", 1, 1, 2, interleaved),
        plan("dp 2, tp 2, pp 2, sp, zero 1", 2, 2, 2, all(sequence_parallel, zero))}) {
    TinyTraining changed = base;
    c.change(changed);
    const Outcome other = train_on_own(changed);
    const Distance d = distance(one, other);
    EXPECT_TRUE(d.small()) << c.name << ": " << d.loss << ", " << d.norm << ", " << d.gradient;
    EXPECT_TRUE(other.peaks_equal_the_walk) << c.name;
  }
}

TEST(TrainingOnGpuKernels, EveryKernelOfTheCatalogueIsThere) {
  const LauncherTable table = cuda_launchers();
  ASSERT_EQ(table.size(), kernel_table().size());
  for (const KernelInfo& kernel : kernel_table())
    EXPECT_NE(table[static_cast<std::size_t>(kernel.kind)], nullptr) << kernel.name;
}

}  // namespace
}  // namespace stepcast::live_test
