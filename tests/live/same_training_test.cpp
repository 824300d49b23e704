// A plan changes how a training step is computed, not what: losses, gradients and norms of every
// plan are those of one rank.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/live/plans.h"

namespace stepcast::live_test {
namespace {

void expect_same(TinyTraining base, const std::vector<Case>& cases) {
  base.steps = 20;
  const Outcome one = train(base);
  EXPECT_TRUE(one.peaks_equal_the_walk);
  for (const Case& c : cases) {
    TinyTraining changed = base;
    c.change(changed);
    const Outcome other = train(changed);
    const Distance d = distance(one, other);
    EXPECT_LE(d.loss, kLossBound) << c.name;
    EXPECT_LE(d.norm, kNormBound) << c.name;
    EXPECT_LE(d.program_norm, 2 * kNormBound) << c.name;  // an fp32 sum
    EXPECT_LE(d.gradient, kGradientBound) << c.name << ": " << d.tensor;
    EXPECT_TRUE(other.peaks_equal_the_walk) << c.name;
  }
}

/// One way of cutting the work at a time.
const std::vector<Case> kDegrees = {
    plan("micro batches of 2", 1, 1, 1, [](TinyTraining& t) { t.plan.micro_batch_size = 2; }),
    plan("dp 2", 2, 1, 1),
    plan("dp 4", 4, 1, 1),
    plan("dp 2, buckets", 2, 1, 1, buckets),
    plan("dp 4, buckets", 4, 1, 1, buckets),
    plan("dp 2, zero 1", 2, 1, 1, zero),
    plan("dp 4, zero 1", 4, 1, 1, zero),
    plan("dp 4, zero 1, buckets", 4, 1, 1, all(zero, buckets)),
    plan("tp 2", 1, 2, 1),
    plan("tp 4", 1, 4, 1),
    plan("tp 2, sp", 1, 2, 1, sequence_parallel),
    plan("tp 4, sp", 1, 4, 1, sequence_parallel),
    plan("pp 2, gpipe", 1, 1, 2, gpipe),
    plan("pp 4, gpipe", 1, 1, 4, gpipe),
    plan("pp 2, 1f1b", 1, 1, 2),
    plan("pp 4, 1f1b", 1, 1, 4),
    plan("pp 2, interleaved", 1, 1, 2, interleaved),
    plan("recompute selective", 1, 1, 1, selective),
    plan("recompute full", 1, 1, 1, full),
};

const std::vector<Case> kMixesOverEightRanks = {
    plan("dp 8", 8, 1, 1),
    plan("dp 2, tp 2, pp 2", 2, 2, 2),
    plan("dp 2, tp 2, pp 2, sp, zero 1, recompute full, interleaved", 2, 2, 2,
         all(sequence_parallel, zero, full, interleaved)),
    plan("dp 2, tp 2, pp 2, sp, zero 1, recompute selective, gpipe, buckets", 2, 2, 2,
         all(sequence_parallel, zero, selective, gpipe, buckets)),
    plan("dp 4, tp 2, zero 1", 4, 2, 1, zero),
    plan("dp 2, tp 4, sp, recompute selective", 2, 4, 1, all(sequence_parallel, selective)),
    plan("dp 2, pp 4, zero 1, recompute full", 2, 1, 4, all(zero, full)),
    plan("tp 2, pp 4, sp, gpipe", 1, 2, 4, all(sequence_parallel, gpipe)),
    plan("tp 4, pp 2, interleaved, recompute full", 1, 4, 2, all(interleaved, full)),
};

/// What training software does differently.
const std::vector<Case> kTraits = {
    plan("tp 2, pp 2, messages in parts", 1, 2, 2,
         [](TinyTraining& t) { t.traits.scatter_gather_p2p = true; }),
    plan("tp 2, sp, gathered inputs kept", 1, 2, 1,
         all(sequence_parallel, [](TinyTraining& t) { t.traits.gathered_inputs_kept = true; })),
    plan("tp 2, sp, resident gather buffers, micro batches of 2", 1, 2, 1,
         all(sequence_parallel,
             [](TinyTraining& t) {
               t.traits.gather_buffers_resident = true;
               t.plan.micro_batch_size = 2;
             })),
    plan("dp 2, gradients added by a kernel", 2, 1, 1,
         [](TinyTraining& t) { t.traits.autograd_accumulation = true; }),
    plan("tp 2, unfused attention with its mask", 1, 2, 1,
         [](TinyTraining& t) {
           t.traits.flash_attention = false;
           t.traits.attention_dropout = true;
         }),
};

TEST(SameTraining, GptUnderEveryDegree) { expect_same(gpt(), kDegrees); }
TEST(SameTraining, LlamaUnderEveryDegree) { expect_same(llama(), kDegrees); }
TEST(SameTraining, GptInMixesOverEightRanks) { expect_same(gpt(), kMixesOverEightRanks); }
TEST(SameTraining, LlamaInMixesOverEightRanks) { expect_same(llama(), kMixesOverEightRanks); }
TEST(SameTraining, GptUnderTraitsOfTrainingSoftware) { expect_same(gpt(), kTraits); }
TEST(SameTraining, LlamaUnderTraitsOfTrainingSoftware) { expect_same(llama(), kTraits); }

TEST(SameTraining, OnPlainLoopsTooWithRanksAsThreads) { expect_same(TinyTraining{}, kDegrees); }

TEST(SameTraining, FastKernelsTrainAsPlainLoopsDo) {
  for (TinyTraining tiny : {gpt(), llama()}) {
    tiny.steps = 20;
    const Outcome fast = train(tiny);
    tiny.fast_kernels = false;
    EXPECT_TRUE(distance(train(tiny), fast).small());
  }
}

/// A scale of the gradient, which Adam would hide, changes SGD's losses.
TEST(SameTraining, WithSgdAndMomentum) {
  for (TinyTraining tiny : {gpt(), llama()}) {
    tiny.training.optimizer = "sgd";
    expect_same(tiny, {plan("dp 2", 2, 1, 1), plan("dp 4, zero 1", 4, 1, 1, zero),
                       plan("tp 2, sp", 1, 2, 1, sequence_parallel), plan("pp 2", 1, 1, 2),
                       plan("dp 2, tp 2, pp 2, zero 1", 2, 2, 2, zero)});
  }
}

/// Four stages of two chunks each need a layer for every chunk.
TEST(SameTraining, EightChunksOnFourStages) {
  const std::vector<Case> cases = {
      plan("pp 4, interleaved", 1, 1, 4, interleaved),
      plan("dp 2, pp 4, interleaved, zero 1, recompute selective", 2, 1, 4,
           all(interleaved, zero, selective)),
      plan("tp 2, pp 4, interleaved, sp", 1, 2, 4, all(interleaved, sequence_parallel)),
  };
  for (TinyTraining tiny : {gpt(), llama()}) {
    tiny.model.num_layers = 8;
    expect_same(tiny, cases);
  }
}

/// Two query heads share a key head.
TEST(SameTraining, GroupedQueries) {
  TinyTraining tiny = llama();
  tiny.model.num_kv_heads = 2;
  expect_same(tiny, {plan("dp 2", 2, 1, 1), plan("tp 2", 1, 2, 1),
                     plan("tp 2, sp, pp 2", 1, 2, 2, sequence_parallel)});
}

/// Queries, keys and values of one token are a single row without gaps: parts of it all the same.
TEST(SameTraining, MicroBatchesOfOneToken) {
  for (TinyTraining tiny : {gpt(), llama()}) {
    tiny.training.seq_len = 1;
    tiny.training.optimizer = "sgd";
    tiny.plan.micro_batch_size = 8;
    expect_same(tiny, {plan("micro batches of 1", 1, 1, 1, one_sequence),
                       plan("tp 2, pp 2, recompute full", 1, 2, 2, all(one_sequence, full)),
                       plan("dp 8, zero 1", 8, 1, 1, all(one_sequence, zero))});
  }
}

/// The last of these stages has but the tied word embedding, which the first one counts in the
/// norm.
TEST(SameTraining, StageThatHasTheTiedHeadAlone) {
  const auto by_cost = [](TinyTraining& tiny) {
    tiny.traits.stage_balance = StageBalance::kByComputeCost;
  };
  TinyTraining tiny = gpt();
  tiny.model.vocab_size = 300;
  tiny.model.final_norm = false;
  const Case stages = plan("pp 4, by cost", 1, 1, 4, by_cost);
  TinyTraining cut = tiny;
  stages.change(cut);
  const Job job = lower(cut.model, cut.plan, cut.training, cut.traits);
  ASSERT_EQ(job.programs.back().weights.size(), 1u);
  expect_same(tiny, {stages, plan("dp 2, pp 4, zero 1", 2, 1, 4, all(by_cost, zero)),
                     plan("tp 2, pp 4, sp", 1, 2, 4, all(by_cost, sequence_parallel))});
}

TEST(SameTraining, PlantedFaultsAreSeen) {
  const Outcome one = train(TinyTraining{});
  const auto see = [&](const Case& c, const std::function<void(Job&)>& fault) {
    TinyTraining faulty;
    c.change(faulty);
    EXPECT_TRUE(distance(one, train(faulty)).small()) << c.name;
    faulty.fault = fault;
    EXPECT_FALSE(distance(one, train(faulty)).small()) << c.name;
  };
  see(plan("gradients not reduced", 2, 1, 1),
      [](Job& job) { change_collectives(job, over_replicas, leave_out); });
  see(plan("a sum instead of a mean", 2, 1, 1),
      [](Job& job) { change_collectives(job, over_replicas, do_twice); });
  see(plan("one element of the gradients not reduced", 2, 1, 1),
      [](Job& job) { change_collectives(job, over_replicas, spare_one_element, 1); });
  see(plan("one tensor-parallel sum left out", 1, 2, 1),
      [](Job& job) { change_collectives(job, over_tensor, leave_out, 1); });
  see(plan("one element of a tensor-parallel sum", 1, 2, 1),
      [](Job& job) { change_collectives(job, over_tensor, spare_one_element, 1); });
  see(plan("gradients of norms not summed", 1, 2, 1, sequence_parallel), [](Job& job) {
    change_collectives(
        job, [](const Collective& op) { return over_tensor(op) && of_gradients(op); }, leave_out);
  });
  see(plan("tied embedding not summed", 1, 1, 2),
      [](Job& job) { change_collectives(job, over_embedding, leave_out); });
  see(plan("mask forgotten", 2, 1, 1), forget_mask);
}

TEST(SameTraining, SgdSeesASumInsteadOfAMeanInTheLoss) {
  TinyTraining tiny = gpt();
  tiny.training.optimizer = "sgd";
  tiny.steps = 20;
  const Outcome one = train(tiny);
  tiny.plan.dp = 2;
  EXPECT_LE(distance(one, train(tiny)).loss, kLossBound);
  tiny.fault = [](Job& job) { change_collectives(job, over_replicas, do_twice); };
  EXPECT_GT(distance(one, train(tiny)).loss, 1e-3);
}

/// The same sequences in every step.
class OneBatch final : public BatchSource {
 public:
  explicit OneBatch(const TinyTraining& tiny)
      : task_(tiny.model.vocab_size, 7), sequences_(tiny.training.global_batch_size) {}
  std::int32_t token(std::int64_t sequence, std::int64_t position) const override {
    return task_.token(sequence % sequences_, position);
  }

 private:
  CountingTask task_;
  std::int64_t sequences_;
};

/// The only test of the mathematics rather than of the split: along the direction of a tensor's own
/// gradient the loss changes by the gradient's length.
void expect_gradients_of_the_loss(const TinyTraining& tiny) {
  const Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  const Program& program = job.programs.front();
  const OneBatch batch(tiny);
  ThreadGroup alone({.ranks = 1, .mailbox_bytes = std::size_t{1} << 20, .kept_bytes = 4096});
  alone.run([&](RankContext& context) {
    const LiveRank rank = connect(job, context, kPlainLoops);
    Executor executor(program, rank, {.adam = {.learning_rate = 0}});
    executor.run_step(batch);
    std::vector<std::vector<float>> directions;
    for (const WeightTensor& tensor : program.weights)
      directions.push_back(executor.gradient(tensor));
    for (std::size_t t = 0; t < program.weights.size(); ++t) {
      const WeightTensor& tensor = program.weights[t];
      const std::vector<float>& direction = directions[t];
      const std::vector<float> start = executor.weight(tensor);
      std::vector<float> weight = start;
      double length = 0;
      for (const float g : direction) length += static_cast<double>(g) * g;
      length = std::sqrt(length);
      const auto loss_at = [&](double step) {
        for (std::size_t i = 0; i < start.size(); ++i)
          weight[i] = static_cast<float>(start[i] + step * direction[i] / length);
        executor.set_weight(tensor, weight);
        executor.run_step(batch);
        return executor.loss();
      };
      // Fifth derivatives err by step^4, the fp32 loss by some 1e-7 / step.
      const double step = 1e-2;
      const double slope =
          (8 * (loss_at(step) - loss_at(-step)) - (loss_at(2 * step) - loss_at(-2 * step))) /
          (12 * step);
      executor.set_weight(tensor, start);
      EXPECT_NEAR(slope / length, 1, 2e-4 + 5e-5 / length) << tensor.name << ", " << length;
    }
    return 0;
  });
}

TEST(SameTraining, GradientsAreThoseOfTheLoss) {
  TinyTraining unfused = gpt(), grouped = llama();
  unfused.traits.flash_attention = false;
  grouped.model.num_kv_heads = 2;
  for (const TinyTraining& tiny : {gpt(), llama(), unfused, grouped})
    expect_gradients_of_the_loss(tiny);
}

TEST(SameTraining, LossFallsOverManyStepsUnderEveryOptimizer) {
  for (const Optimizer& row : optimizer_table()) {
    TinyTraining tiny = gpt();
    tiny.training.optimizer = row.name;
    tiny.steps = 200;
    const Outcome outcome = train(tiny);
    EXPECT_LT(outcome.losses.back(), outcome.losses.front() - 0.1) << row.name;
  }
}

}  // namespace
}  // namespace stepcast::live_test
