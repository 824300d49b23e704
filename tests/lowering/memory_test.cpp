// Memory of lowered programs against the closed forms of the literature.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "sim/model/operators.h"
#include "tests/lowering/job_support.h"

namespace stepcast {
namespace {

using lowering_test::left_by;
using lowering_test::resident;
using lowering_test::TinyJob;
using enum BufferCategory;

/// Activations that one layer keeps from the forward to the backward pass: the difference between a
/// model with a layer more and one without, so embedding and head drop out.
std::int64_t kept_by_a_layer(TinyJob tiny) {
  const Program shallow = tiny.job().programs.front();
  ++tiny.model.num_layers;
  const Program deep = tiny.job().programs.front();
  return left_by(deep, "forward.chunk0", kActivations) -
         left_by(shallow, "forward.chunk0", kActivations);
}

/// Most bytes of non-resident buffers that are alive inside the block, above the level before it.
std::int64_t highest_in(const Program& program, std::string_view block) {
  std::int64_t live = 0, highest = 0;
  for (const Op& op : lowering_test::block_named(program, block).ops) {
    if (const auto* alloc = std::get_if<Alloc>(&op.what))
      live += program.buffers[alloc->buffer].size.value();
    if (const auto* free = std::get_if<Free>(&op.what))
      live -= program.buffers[free->buffer].size.value();
    highest = std::max(highest, live);
  }
  return highest;
}

// ---- weights, gradients, optimizer (Rajbhandari et al. 2020, section 3.1: 2 + 2 + 12 bytes) ----

TEST(StaticMemory, ParametersAreThoseOfTheModel) {
  TinyJob tiny;
  const Program program = tiny.job().programs.front();
  EXPECT_EQ(resident(program, kParameters), 2 * count_parameters(tiny.model).total);
}

TEST(StaticMemory, StagesTogetherHoldTheModelAndTheTiedEmbeddingTwice) {
  TinyJob tiny;
  tiny.plan.pp = 2;
  const Job job = tiny.job();
  const std::int64_t words = tiny.model.vocab_size * tiny.model.hidden_size;
  EXPECT_EQ(resident(job.programs[0], kParameters) + resident(job.programs[1], kParameters),
            2 * (count_parameters(tiny.model).total + words));
}

TEST(StaticMemory, TensorParallelRanksSplitAllButNormsAndRowBiases) {
  TinyJob tiny;
  tiny.plan.tp = 4;
  const std::int64_t h = tiny.model.hidden_size, layers = tiny.model.num_layers;
  // Whole on every rank: two norms (4 h) and two row biases (2 h) per layer, positions, final norm.
  const std::int64_t whole = layers * 6 * h + tiny.model.max_positions * h + 2 * h;
  const std::int64_t total = count_parameters(tiny.model).total;
  EXPECT_EQ(resident(tiny.job().programs.front(), kParameters), 2 * ((total - whole) / 4 + whole));
}

/// Ids and labels of 4 bytes per token, the loss and the norm.
std::int64_t batch_and_scalars(const TinyJob& tiny) { return 2 * 4 * tiny.tokens() + 4 + 4; }

TEST(StaticMemory, MixedPrecisionTakesSixteenOrEighteenBytesPerParameter) {
  TinyJob tiny;
  const std::int64_t n = count_parameters(tiny.model).total;
  const std::int64_t batch = batch_and_scalars(tiny);
  EXPECT_EQ(resident(tiny.job().programs.front()), 18 * n + batch);  // fp32 gradients
  tiny.traits.fp32_gradients = false;
  EXPECT_EQ(resident(tiny.job().programs.front()), 16 * n + batch);
  tiny.training.precision = Dtype::kFp32;
  EXPECT_EQ(resident(tiny.job().programs.front()), 16 * n + batch);  // 4 + 4 + 8
}

TEST(StaticMemory, SgdKeepsOneMomentInsteadOfTwo) {
  TinyJob tiny;
  tiny.training.optimizer = "sgd";
  const std::int64_t n = count_parameters(tiny.model).total;
  const std::int64_t batch = batch_and_scalars(tiny);
  // bf16 weights 2, fp32 gradients 4, momentum 4, fp32 copy 4.
  EXPECT_EQ(resident(tiny.job().programs.front()), 14 * n + batch);
  tiny.training.precision = Dtype::kFp32;
  EXPECT_EQ(resident(tiny.job().programs.front()), 12 * n + batch);  // 4 + 4 + 4
  tiny.plan.zero_stage = 1;
  tiny.plan.dp = 8;
  ASSERT_EQ(n % 8, 0);
  EXPECT_EQ(resident(tiny.job().programs.front()), 8 * n + 4 * n / 8 + batch);
}

TEST(StaticMemory, ZeroOneDividesTheOptimizerStateByTheReplicas) {
  TinyJob tiny;
  tiny.plan.zero_stage = 1;
  tiny.plan.dp = 8;
  tiny.traits.fp32_gradients = false;
  const std::int64_t n = count_parameters(tiny.model).total;
  ASSERT_EQ(n % 8, 0);
  const std::int64_t batch = batch_and_scalars(tiny);
  EXPECT_EQ(resident(tiny.job().programs.front()), 4 * n + 12 * n / 8 + batch);
  tiny.plan.dp = 1;
  EXPECT_EQ(resident(tiny.job().programs.front()), 16 * n + batch);
}

// nanotron's static memory, fitted on 1,350 runs: 20 n (18 n at dp = 1), and (10 + 14 / dp) n. The
// batch lies beside it.
TEST(StaticMemory, AnAccumulationCopyGivesTheSumsOfNanotron) {
  TinyJob tiny;
  tiny.become_llama();
  tiny.traits.fp32_accumulation_copy = true;
  const std::int64_t n = count_parameters(tiny.model).total, batch = batch_and_scalars(tiny);
  ASSERT_EQ(n % 8, 0);
  EXPECT_EQ(resident(tiny.job().programs.front()), 18 * n + batch);
  tiny.plan.dp = 8;
  EXPECT_EQ(resident(tiny.job().programs.front()), 20 * n + batch);
  tiny.plan.zero_stage = 1;
  EXPECT_EQ(resident(tiny.job().programs.front()), 10 * n + 14 * n / 8 + batch);
  tiny.plan.dp = 1;
  EXPECT_EQ(resident(tiny.job().programs.front()), 18 * n + batch);
}

TEST(StaticMemory, TheVocabularyIsPadded) {
  EXPECT_EQ(padded_vocabulary(50257, 128, 8), 51200);  // 50 * 1024
  EXPECT_EQ(padded_vocabulary(50257, 128, 1), 50304);  // 393 * 128
  EXPECT_EQ(padded_vocabulary(50257, 1, 1), 50257);
}

// Two of tokens x hidden units in 16 bits, whatever the tp degree: they replace the workspace of
// each gathering operator, so a pass takes nothing for them.
TEST(StaticMemory, GatherBuffersThatStayAreFourBytesPerTokenAndHiddenUnit) {
  TinyJob tiny;
  tiny.plan.tp = 4;
  tiny.plan.sequence_parallel = true;
  const std::int64_t without = resident(tiny.job().programs.front());
  tiny.traits.gather_buffers_resident = true;
  const std::int64_t whole = 2 * tiny.tokens() * tiny.model.hidden_size;
  const Program program = tiny.job().programs.front();
  EXPECT_EQ(resident(program), without + 2 * whole);
  for (const Buffer& buffer : program.buffers)
    if (buffer.name.ends_with(".gathered")) ADD_FAILURE() << buffer.name;
  tiny.plan.sequence_parallel = false;
  tiny.traits.gather_buffers_resident = false;
  const std::int64_t whole_sequences = resident(tiny.job().programs.front());
  tiny.traits.gather_buffers_resident = true;
  EXPECT_EQ(resident(tiny.job().programs.front()), whole_sequences);
}

TEST(StaticMemory, TheWorkspaceOfGemmsStays) {
  TinyJob tiny;
  const std::int64_t without = resident(tiny.job().programs.front());
  tiny.traits.gemm_workspace = Bytes(64 << 20);
  EXPECT_EQ(resident(tiny.job().programs.front()), without + (64 << 20));
}

// ---- activations of a layer (Korthikanti et al. 2022, table 2) ----

struct LayerMemory {
  std::int64_t s, b, h, a;
  explicit LayerMemory(const TinyJob& tiny)
      : s(tiny.training.seq_len),
        b(tiny.plan.micro_batch_size),
        h(tiny.model.hidden_size),
        a(tiny.model.num_heads) {}
};

TEST(LayerActivations, WithoutParallelism) {
  TinyJob tiny;
  const LayerMemory m(tiny);
  EXPECT_EQ(kept_by_a_layer(tiny), m.s * m.b * m.h * 34 + 5 * m.a * m.s * m.s * m.b);
}

TEST(LayerActivations, TensorParallelKeepsTenUnitsWhole) {
  TinyJob tiny;
  tiny.plan.tp = 4;
  const LayerMemory m(tiny);
  EXPECT_EQ(kept_by_a_layer(tiny), m.s * m.b * m.h * (10 + 24 / 4) + 5 * m.a * m.s * m.s * m.b / 4);
}

TEST(LayerActivations, SequenceParallelDividesAll) {
  TinyJob tiny;
  tiny.plan.tp = 4;
  tiny.plan.sequence_parallel = true;
  const LayerMemory m(tiny);
  EXPECT_EQ(kept_by_a_layer(tiny), (m.s * m.b * m.h * 34 + 5 * m.a * m.s * m.s * m.b) / 4);
}

TEST(LayerActivations, SelectiveRecomputationDropsTheScores) {
  TinyJob tiny;
  tiny.plan.recompute = Recompute::kSelective;
  const LayerMemory m(tiny);
  EXPECT_EQ(kept_by_a_layer(tiny), m.s * m.b * m.h * 34);
  tiny.plan.tp = 4;
  tiny.plan.sequence_parallel = true;
  EXPECT_EQ(kept_by_a_layer(tiny), m.s * m.b * m.h * 34 / 4);
}

TEST(LayerActivations, FullRecomputationKeepsTheInput) {
  TinyJob tiny;
  tiny.plan.recompute = Recompute::kFull;
  const LayerMemory m(tiny);
  EXPECT_EQ(kept_by_a_layer(tiny), 2 * m.s * m.b * m.h);
}

// nanotron, fused attention, sequence parallel: (22 h + 8 f) / TP bytes per token, here with the 4
// bytes per head and token of the log-sums that the fused kernel keeps.
TEST(LayerActivations, OfLlamaWithFusedAttentionAndUnfusedSwiglu) {
  TinyJob tiny;
  tiny.become_llama();
  tiny.traits.fused_bias_gelu = false;
  tiny.plan.tp = 4;
  tiny.plan.sequence_parallel = true;
  const std::int64_t h = tiny.model.hidden_size, f = tiny.model.ffn_hidden_size;
  const std::int64_t log_sums = 4 * tiny.model.num_heads;
  EXPECT_EQ(kept_by_a_layer(tiny), tiny.tokens() * (22 * h + 8 * f + log_sums) / 4);
  // Gathered inputs of both column-parallel layers, not divided by TP.
  tiny.traits.gathered_inputs_kept = true;
  const Program program = tiny.job().programs.front();
  const std::int64_t gathered = left_by(program, "forward.chunk0", kActivations);
  tiny.traits.gathered_inputs_kept = false;
  const Program plain = tiny.job().programs.front();
  // Four layers with two each, and the logits' input.
  EXPECT_EQ(gathered - left_by(plain, "forward.chunk0", kActivations),
            tiny.tokens() * h * 2 * (4 * 2 + 1));
}

// Forward leaves the fp32 probabilities: 4 bytes per local logit. At the peak of the forward pass
// the 16-bit logits stand beside them: 6.
TEST(HeadActivations, KeepFourBytesPerLogit) {
  TinyJob tiny;
  tiny.plan.tp = 2;
  const auto kept = [&](std::int64_t vocab) {
    tiny.model.vocab_size = vocab;
    return left_by(tiny.job().programs.front(), "forward.chunk0", kActivations);
  };
  EXPECT_EQ(kept(2048) - kept(1024), tiny.tokens() * 1024 / 2 * 4);
}

// Unfused: fp32 logits and probabilities, 8 bytes, stand at the peak.
TEST(HeadActivations, OfAnUnfusedLossPeakAtEightBytesPerLogit) {
  TinyJob tiny;
  tiny.traits.fused_loss = false;
  const auto highest = [&](std::int64_t vocab) {
    tiny.model.vocab_size = vocab;
    return highest_in(tiny.job().programs.front(), "forward.chunk0");
  };
  // Large enough that the head is where the peak is.
  EXPECT_EQ(highest(1 << 18) - highest(1 << 17), tiny.tokens() * (1 << 17) * 8);
}

// Whatever a pass takes is given back by the end of the step, so only what is kept in between
// counts.
TEST(Activations, NoWorkspaceOutlivesItsPass) {
  for (const Recompute recompute : {Recompute::kNone, Recompute::kSelective, Recompute::kFull}) {
    TinyJob tiny;
    tiny.plan.recompute = recompute;
    tiny.plan.tp = 2;
    tiny.plan.sequence_parallel = true;
    const Program program = tiny.job().programs.front();
    for (const char* block : {"forward.chunk0", "backward.chunk0", "update"})
      EXPECT_EQ(left_by(program, block, kWorkspace), 0) << block;
    EXPECT_EQ(left_by(program, "forward.chunk0", kActivations),
              -left_by(program, "backward.chunk0", kActivations));
  }
}

}  // namespace
}  // namespace stepcast
