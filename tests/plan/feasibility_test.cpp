// Each rule, the wording of what a user sees, and the search for the nearest plan against brute
// force.
#include "sim/plan/feasibility.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/plan/divisors.h"

namespace stepcast {
namespace {

/// 24 layers, 32 heads, 8 key-value heads, on 8 nodes of 8 GPUs without fp8.
struct Case {
  Model model;
  Plan plan{.tp = 4, .pp = 4, .dp = 4};
  Training training{.global_batch_size = 64, .seq_len = 2048};
  Topology topology;
  Traits traits;
  std::int64_t num_gpus = 64;

  Case() {
    model.num_layers = 24;
    model.hidden_size = 4096;
    model.num_heads = 32;
    model.num_kv_heads = 8;
    model.ffn_hidden_size = 16384;
    model.max_positions = 2048;
    topology.name = "eight-nodes";
    topology.num_nodes = 8;
    topology.device.name = "GPU";
    topology.device.peak_bf16 = FlopsPerSec{1e14};
  }
  std::vector<std::string> reasons() const {
    std::vector<std::string> texts;
    for (const Problem& problem : check_plan(model, plan, training, topology, num_gpus, traits))
      texts.push_back(problem.text());
    return texts;
  }
  std::optional<Plan> nearest() const {
    return nearest_feasible_plan(model, plan, training, topology, num_gpus, traits);
  }
};

using Reasons = std::vector<std::string>;

TEST(CheckPlan, ASoundPlanHasNoReasonsAgainstIt) { EXPECT_EQ(Case().reasons(), Reasons{}); }

TEST(CheckPlan, StatesBothCountsOfGpus) {
  Case c;
  c.num_gpus = 32;
  EXPECT_EQ(c.reasons(),
            Reasons{"plan: tp * pp * dp = 4 * 4 * 4 = 64 must be num_gpus = 32; use dp = 2"});
}

TEST(CheckPlan, TheClusterMustHaveTheGpus) {
  Case c;
  c.topology.num_nodes = 4;
  EXPECT_EQ(c.reasons(),
            Reasons{"num_gpus = 64 must be at most the 32 GPUs of eight-nodes (4 nodes "
                    "of 8); use fewer, or a cluster with more nodes"});
}

TEST(CheckPlan, TpDividesHeads) {
  Case c;
  c.model.ffn_hidden_size = 6 * 4096;
  c.model.hidden_size = 6 * 512;
  c.plan = {.tp = 6, .pp = 1, .dp = 1};
  c.num_gpus = 6;
  EXPECT_EQ(c.reasons(),
            (Reasons{"plan.tp = 6 must divide num_heads = 32 (1, 2, 4, 8, 16, 32)",
                     "plan.tp = 6 must divide num_kv_heads = 8 or be a multiple of it (1, 2, 4, 8, "
                     "16, ...)"}));
}

TEST(CheckPlan, FewKeyValueHeadsAreReplicated) {
  Case c;
  c.plan = {.tp = 16, .pp = 4, .dp = 1};  // 16 ranks share 8 heads, two ranks each
  EXPECT_EQ(c.reasons(), Reasons{});
}

TEST(CheckPlan, UniformStagesDivideTheLayersOtherRulesNeedOneEach) {
  Case c;
  c.plan = {.tp = 4, .pp = 16, .dp = 1};
  EXPECT_EQ(c.reasons(),
            Reasons{"plan.pp = 16 must divide num_layers = 24 (1, 2, 3, 4, 6, 8, 12, 24); or set "
                    "plan.stage_balance to \"balanced\""});
  c.traits.stage_balance = StageBalance::kEndsMinusOne;
  EXPECT_EQ(c.reasons(), Reasons{"plan.pp = 16 must divide num_layers + 2 = 26 with stage_balance "
                                 "\"ends_minus_one\" (1, 2, 13); or use \"balanced\""});
  c.plan = {.tp = 4, .pp = 13, .dp = 1};
  c.num_gpus = 52;
  EXPECT_EQ(c.reasons(), Reasons{});
  c.num_gpus = 64;
  c.plan = {.tp = 4, .pp = 16, .dp = 1};
  c.traits.stage_balance = StageBalance::kByComputeCost;
  EXPECT_EQ(c.reasons(), Reasons{});
  c.plan = {.tp = 2, .pp = 32, .dp = 1};
  EXPECT_EQ(c.reasons(),
            Reasons{"plan.pp = 32 must be at most num_layers = 24, so that each has a layer"});
}

TEST(CheckPlan, VirtualStagesNeedInterleavingAndWholeRoundsOfMicrobatches) {
  Case c;
  c.plan.virtual_stages = 3;
  c.plan.schedule = "interleaved";
  EXPECT_EQ(c.reasons(), Reasons{});  // 64 / 4 = 16 microbatches over 4 stages
  c.training.global_batch_size = 24;  // 6 microbatches
  EXPECT_EQ(c.reasons(), Reasons{"plan.virtual_stages = 3 needs a number of microbatches that is a "
                                 "multiple of pp = 4, not 24 / (4 * 1) = 6; change one of them, or "
                                 "use virtual_stages = 1"});
  c.plan.virtual_stages = 1;
  EXPECT_EQ(c.reasons().size(), 1u);  // interleaved without virtual stages
  c.plan = {.tp = 4, .pp = 1, .dp = 16, .virtual_stages = 2};
  c.training.global_batch_size = 64;
  EXPECT_EQ(c.reasons().size(), 2u);  // one stage, and not interleaved
}

TEST(CheckPlan, TheBatchIsWholeMicrobatches) {
  Case c;
  c.plan.micro_batch_size = 3;
  EXPECT_EQ(c.reasons(), Reasons{"training.global_batch_size = 64 must be a multiple of dp * "
                                 "micro_batch_size = 4 * 3 = 12; use 72, or change one of them"});
  c.plan.micro_batch_size = 1;
  c.training.global_batch_size = 4 * (kMaxMicrobatches + 1);
  EXPECT_EQ(c.reasons().size(), 1u);
}

TEST(CheckPlan, SequenceParallelSplitsTheSequenceAndIsIdleForOneRank) {
  Case c;
  c.plan.sequence_parallel = true;
  EXPECT_EQ(c.reasons(), Reasons{});
  c.training.seq_len = 2046;
  ASSERT_EQ(c.reasons().size(), 1u);
  EXPECT_NE(c.reasons()[0].find("must divide seq_len = 2046"), std::string::npos);
  c.plan = {.tp = 1, .pp = 4, .dp = 16, .sequence_parallel = true};
  EXPECT_EQ(c.reasons(), Reasons{});
}

TEST(CheckPlan, TheModelHasAPositionForEveryToken) {
  Case c;
  c.training.seq_len = 4096;
  EXPECT_EQ(c.reasons(),
            Reasons{"training.seq_len = 4096 must be at most the model's max_positions "
                    "= 2048, the rows of its position table"});
  c.model.position_embedding = PositionEmbedding::kRotary;
  EXPECT_EQ(c.reasons(), Reasons{});
}

TEST(CheckPlan, TheDeviceComputesInThatPrecision) {
  Case c;
  c.training.precision = Dtype::kFp8;
  EXPECT_EQ(c.reasons(), Reasons{"training.precision = \"fp8\" is not supported by GPU; use bf16"});
}

TEST(CheckPlan, PlansMadeInCodeAreCheckedForSenseFirst) {
  Case c;
  c.plan = {.tp = 0, .pp = -1, .dp = 4};
  EXPECT_EQ(c.reasons(),
            (Reasons{"plan.tp = 0 must be at least 1", "plan.pp = -1 must be at least 1"}));
  c.plan = {.tp = 4, .pp = 4, .dp = 4, .zero_stage = 2};
  EXPECT_EQ(c.reasons().size(), 1u);
}

TEST(CheckPlan, GivesEveryReasonAtOnce) {
  Case c;
  c.plan = {.tp = 3, .pp = 5, .dp = 7};
  // GPUs; heads, hidden, ffn, kv heads; layers; batch
  EXPECT_EQ(c.reasons().size(), 7u);
}

TEST(NearestFeasiblePlan, KeepsAPlanThatWorks) {
  const Case c;
  ASSERT_TRUE(c.nearest());
  EXPECT_EQ(to_text(*c.nearest()), to_text(c.plan));
}

TEST(NearestFeasiblePlan, ChangesAsFewFieldsAsItCan) {
  Case c;
  c.num_gpus = 32;  // halving any one degree makes 32: all change one field by 2, lowest tp first
  ASSERT_TRUE(c.nearest());
  EXPECT_EQ(c.nearest()->world_size(), 32);
  EXPECT_EQ(c.nearest()->tp, 2);

  c.num_gpus = 64;
  c.plan.micro_batch_size = 3;  // 2 is nearer than 1, 4 is nearer than 2
  ASSERT_TRUE(c.nearest());
  EXPECT_EQ(c.nearest()->micro_batch_size, 4);
  EXPECT_EQ(c.nearest()->tp, 4);
}

TEST(NearestFeasiblePlan, UsesFewerGpusWhenNoPlanUsesThemAll) {
  Case c;
  c.num_gpus = 61;  // tp and dp are powers of two, pp divides 24: the largest product is 16 * 3
  ASSERT_TRUE(c.nearest());
  EXPECT_EQ(c.nearest()->world_size(), 48);
}

TEST(CheckPlan, ManyLayersOfManyMicrobatchesAreRefused) {
  Case c;
  c.plan = {.tp = 4, .pp = 16, .dp = 1};
  c.model.num_layers = 1600;
  c.training.global_batch_size = 2500;  // 1,600 * 2,500 = 4,000,000
  EXPECT_EQ(c.reasons(), Reasons{});
  c.training.global_batch_size = 2501;
  EXPECT_EQ(c.reasons(), Reasons{"training.global_batch_size = 2501 gives 2501 / (1 * 1) = 2501 "
                                 "microbatches; times num_layers = 1600 that is more than the "
                                 "4000000 that can be followed; use a larger dp or "
                                 "micro_batch_size"});
}

TEST(CheckPlan, TensorsStayWithinSixtyFourBits) {
  Case c;
  c.model.position_embedding = PositionEmbedding::kRotary;
  c.model.head_dim = 128;
  c.training.seq_len = 10'000'000;  // 10^7 tokens * 32 heads * 10^7 keys = 3.2e15 < 2^56 = 7.2e16
  EXPECT_EQ(c.reasons(), Reasons{});
  c.training.seq_len = 100'000'000;  // 3.2e17
  EXPECT_EQ(c.reasons(), Reasons{"plan.micro_batch_size = 1 sequences of seq_len = 100000000 make "
                                 "tensors larger than 2^56 elements; use fewer"});
  c.training.seq_len = 2048;
  c.traits.vocab_divisor = 5'000'000'000'000;  // times tp = 4 and 4,096 columns: 8.2e16
  EXPECT_EQ(c.reasons(), Reasons{"plan.tp = 4 pads the vocabulary to a multiple of vocab_divisor = "
                                 "5000000000000 times tp, beyond 2^56 parameters; use a smaller "
                                 "divisor"});
}

TEST(NearestFeasiblePlan, FindsNothingWhenThePlanIsNotAtFault) {
  Case c;
  c.training.seq_len = 4096;
  EXPECT_FALSE(c.nearest());
}

TEST(NearestFeasiblePlan, AgreesWithBruteForceOnTheNumberOfGpus) {
  // Every tp, pp, dp up to the limit, judged by check_plan: is the largest world size the same?
  for (std::int64_t num_gpus = 1; num_gpus <= 40; ++num_gpus) {
    Case c;
    c.model.num_heads = c.model.num_kv_heads = 12;
    c.model.hidden_size = 12 * 64;
    c.model.ffn_hidden_size = 4 * 12 * 64;
    c.training.global_batch_size = 30;
    c.plan = {.tp = 5, .pp = 7, .dp = 4};
    c.num_gpus = num_gpus;
    std::int64_t largest = 0;
    for (std::int64_t tp = 1; tp <= num_gpus; ++tp)
      for (std::int64_t pp = 1; tp * pp <= num_gpus; ++pp)
        for (std::int64_t dp = 1; tp * pp * dp <= num_gpus; ++dp) {
          const Plan plan{.tp = tp, .pp = pp, .dp = dp};
          if (check_plan(c.model, plan, c.training, c.topology, plan.world_size(), c.traits)
                  .empty())
            largest = std::max(largest, plan.world_size());
        }
    ASSERT_TRUE(c.nearest()) << num_gpus;
    EXPECT_EQ(c.nearest()->world_size(), largest) << num_gpus;
  }
}

TEST(Divisors, AreAllAndAscending) {
  EXPECT_EQ(divisors(1), (std::vector<std::int64_t>{1}));
  EXPECT_EQ(divisors(36), (std::vector<std::int64_t>{1, 2, 3, 4, 6, 9, 12, 18, 36}));
  EXPECT_EQ(divisors_text(12288, 7), "nearest: 6, 8");
  EXPECT_EQ(divisors_text(6, 4), "1, 2, 3, 6");
}

}  // namespace
}  // namespace stepcast
