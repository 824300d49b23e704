// What goes over the wire, against textbook volumes.
#include <gtest/gtest.h>

#include "tests/lowering/job_support.h"

namespace stepcast {
namespace {

using lowering_test::block_named;
using lowering_test::collective_bytes;
using lowering_test::TinyJob;
using enum CollectiveKind;

/// Bytes of the tensor group's collectives of one kind that belong to layers.
std::int64_t layer_bytes(const Program& program, const char* block, CollectiveKind kind) {
  return collective_bytes(program, block, [&](const Op& op, const Collective& collective) {
    return op.origin.layer >= 0 && collective.group == GroupRole::kTensor &&
           collective.kind == kind;
  });
}

std::int64_t data_bytes(const Program& program, const char* block, CollectiveKind kind) {
  return collective_bytes(program, block, [&](const Op&, const Collective& collective) {
    return collective.group == GroupRole::kData && collective.kind == kind;
  });
}

// Shoeybi et al. 2019, section 3: two all-reduces of b s h per layer and direction.
TEST(TensorParallel, TwoAllReducesPerLayerAndDirection) {
  TinyJob tiny;
  tiny.plan.tp = 4;
  const Program program = tiny.job().programs.front();
  const std::int64_t bsh = tiny.tokens() * tiny.model.hidden_size * 2;  // bytes
  EXPECT_EQ(layer_bytes(program, "forward.chunk0", kAllReduce), 4 * 2 * bsh);
  EXPECT_EQ(layer_bytes(program, "backward.chunk0", kAllReduce), 4 * 2 * bsh);
}

TEST(TensorParallel, FullRecomputationRunsTheForwardCollectivesAgain) {
  TinyJob tiny;
  tiny.plan.tp = 4;
  tiny.plan.recompute = Recompute::kFull;
  const std::int64_t bsh = tiny.tokens() * tiny.model.hidden_size * 2;
  EXPECT_EQ(layer_bytes(tiny.job().programs.front(), "backward.chunk0", kAllReduce), 4 * 4 * bsh);
}

// Korthikanti et al. 2022, section 4.2.2: the same volume as all-reduces, plus the gathers of the
// inputs that the weight gradients need.
TEST(TensorParallel, SplitSequencesGatherAndScatter) {
  TinyJob tiny;
  tiny.plan.tp = 4;
  tiny.plan.sequence_parallel = true;
  const std::int64_t bsh = tiny.tokens() * tiny.model.hidden_size * 2;
  const Program program = tiny.job().programs.front();
  EXPECT_EQ(layer_bytes(program, "forward.chunk0", kAllGather), 4 * 2 * bsh);
  EXPECT_EQ(layer_bytes(program, "forward.chunk0", kReduceScatter), 4 * 2 * bsh);
  EXPECT_EQ(layer_bytes(program, "backward.chunk0", kReduceScatter), 4 * 2 * bsh);
  EXPECT_EQ(layer_bytes(program, "backward.chunk0", kAllGather), 4 * (2 + 2) * bsh);
  tiny.traits.gathered_inputs_kept = true;
  EXPECT_EQ(layer_bytes(tiny.job().programs.front(), "backward.chunk0", kAllGather), 4 * 2 * bsh);
}

TEST(TensorParallel, TheLossReducesThreeValuesPerToken) {
  TinyJob tiny;
  tiny.plan.tp = 2;
  const std::int64_t fp32 = collective_bytes(
      tiny.job().programs.front(), "forward.chunk0",
      [](const Op&, const Collective& collective) { return collective.dtype == Dtype::kFp32; });
  EXPECT_EQ(fp32, 3 * tiny.tokens() * 4);
}

// With overlap the reduction of the input gradient is issued before the weight gradient and awaited
// after it.
TEST(TensorParallel, OverlapPutsTheWeightGradientBehindTheReduction) {
  for (const bool overlap : {false, true}) {
    TinyJob tiny;
    tiny.plan.tp = 2;
    tiny.traits.tensor_overlap = overlap;
    const Program program = tiny.job().programs.front();
    const std::vector<Op>& ops = block_named(program, "backward.chunk0").ops;
    int beside = 0;
    for (std::size_t i = 0; i + 1 < ops.size(); ++i) {
      const auto* after = std::get_if<Compute>(&ops[i + 1].what);
      if (std::holds_alternative<Collective>(ops[i].what) && after &&
          after->kernel.kind == KernelKind::kGemmWgrad && ops[i + 1].waits_for.empty())
        ++beside;
    }
    EXPECT_EQ(beside, overlap ? 2 * 4 + 1 : 0);  // two column-parallel layers each, and the logits
  }
}

// Rajbhandari et al. 2020, section 7: all-reduce of the gradients, or reduce-scatter of them and
// gather of the weights.
TEST(DataParallel, VolumeOfPlainAndShardedReduction) {
  TinyJob tiny;
  tiny.plan.dp = 4;
  const std::int64_t n = count_parameters(tiny.model).total;
  EXPECT_EQ(data_bytes(tiny.job().programs.front(), "update", kAllReduce), 4 * n);
  tiny.traits.fp32_grad_reduce = false;
  EXPECT_EQ(data_bytes(tiny.job().programs.front(), "update", kAllReduce), 2 * n);
  tiny.plan.zero_stage = 1;
  const Program sharded = tiny.job().programs.front();
  EXPECT_EQ(data_bytes(sharded, "update", kReduceScatter), 2 * n);
  EXPECT_EQ(data_bytes(sharded, "update", kAllGather), 2 * n);
  EXPECT_EQ(data_bytes(sharded, "update", kAllReduce), 4);  // the norm of the shares
}

TEST(DataParallel, OverlappedBucketsCarryTheSameBytesInTheLastBackwardPass) {
  TinyJob tiny;
  tiny.plan.dp = 4;
  tiny.plan.overlap_grad_reduce = true;
  tiny.plan.bucket_size = Bytes{1'000'000};
  const Program program = tiny.job(3).programs.front();
  EXPECT_EQ(data_bytes(program, "backward.chunk0.last_microbatch", kAllReduce),
            4 * count_parameters(tiny.model).total);
  EXPECT_EQ(data_bytes(program, "backward.chunk0", kAllReduce), 0);
  EXPECT_EQ(data_bytes(program, "update", kAllReduce), 0);
  int last = 0;
  for (const Call& call : program.calls)
    if (program.blocks[call.block].name == "backward.chunk0.last_microbatch") {
      EXPECT_EQ(call.microbatch, 2u);
      ++last;
    }
  EXPECT_EQ(last, 1);
}

/// How often the block has the CPU cut out a rank's share of a weight tensor.
std::uint32_t shards_cut(const Program& program, std::string_view block) {
  std::uint32_t times = 0;
  for (const Op& op : block_named(program, block).ops)
    if (const auto* work = std::get_if<HostWork>(&op.what))
      times += work->what == HostTask::kShard ? work->times : 0;
  return times;
}

TEST(DataParallel, ZeroByTensorCutsEveryTensorForEveryRankAfterBackward) {
  TinyJob tiny;
  tiny.become_llama();
  tiny.plan.dp = 4;
  tiny.plan.zero_stage = 1;
  tiny.plan.overlap_grad_reduce = true;
  EXPECT_EQ(shards_cut(tiny.job().programs.front(), "update"), 0u);
  tiny.traits.zero_by_tensor = true;
  const Program program = tiny.job().programs.front();
  // Four layers of two norms, qkv, projection, up and down; embedding, final norm, logits.
  EXPECT_EQ(shards_cut(program, "update"), 4u * (4 * 6 + 3));
  EXPECT_GT(data_bytes(program, "update", kReduceScatter), 0);
  tiny.plan.zero_stage = 0;  // buckets leave during backward
  EXPECT_EQ(shards_cut(tiny.job().programs.front(), "update"), 0u);
  EXPECT_EQ(data_bytes(tiny.job().programs.front(), "update", kAllReduce), 0);
}

TEST(DataParallel, OneReplicaReducesNothing) {
  TinyJob tiny;
  tiny.plan.zero_stage = 1;
  const Program program = tiny.job().programs.front();
  for (const Block& block : program.blocks)
    for (const Op& op : block.ops) EXPECT_FALSE(std::holds_alternative<Collective>(op.what));
}

std::int64_t sent_bytes(const TinyJob& tiny) {
  TinyJob copy = tiny;
  copy.plan.pp = 2;
  const Program program = copy.job().programs.front();
  return std::get<Send>(block_named(program, "send.activation.chunk0").ops.front().what)
      .size.value();
}

TEST(Pipeline, BoundaryTensorsAreSplitBySequenceParallelOrScatterGather) {
  TinyJob tiny;
  const std::int64_t whole = tiny.tokens() * tiny.model.hidden_size * 2;
  tiny.plan.tp = 4;
  EXPECT_EQ(sent_bytes(tiny), whole);
  tiny.traits.scatter_gather_p2p = true;
  EXPECT_EQ(sent_bytes(tiny), whole / 4);
  tiny.plan.sequence_parallel = true;
  EXPECT_EQ(sent_bytes(tiny), whole / 4);
  tiny.plan.tp = 1;
  EXPECT_EQ(sent_bytes(tiny), whole);
}

TEST(Pipeline, TiedEmbeddingsAreReducedBetweenTheEnds) {
  TinyJob tiny;
  tiny.plan.pp = 3;
  tiny.model.num_layers = 3;
  const Job job = tiny.job();
  const auto bytes = [&](int stage) {
    return collective_bytes(job.programs[stage], "update",
                            [](const Op&, const Collective& collective) {
                              return collective.group == GroupRole::kEmbedding;
                            });
  };
  const std::int64_t words = tiny.model.vocab_size * tiny.model.hidden_size;
  EXPECT_EQ(bytes(0), 4 * words);
  EXPECT_EQ(bytes(1), 0);
  EXPECT_EQ(bytes(2), 4 * words);
}

}  // namespace
}  // namespace stepcast
