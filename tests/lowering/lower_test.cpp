// Programs of many random plans pass the verifier: buffers, events, message order, no deadlock.
#include "sim/lowering/lower.h"

#include <gtest/gtest.h>

#include <random>

#include "sim/program/text.h"
#include "sim/program/verify.h"

namespace stepcast {
namespace {

template <typename T>
T pick(std::mt19937& random, std::initializer_list<T> values) {
  return values.begin()[random() % values.size()];
}

bool flip(std::mt19937& random) { return random() % 2 == 0; }

Model random_model(std::mt19937& random) {
  Model model;
  model.hidden_size = 64;
  model.num_heads = model.num_kv_heads = 8;
  model.head_dim = 8;
  model.vocab_size = 1000;
  model.max_positions = 32;
  model.tied_embeddings = flip(random);
  model.embedding_norm = flip(random);
  model.final_norm = flip(random);
  if (flip(random)) {
    model.norm = Norm::kRmsNorm;
    model.activation = Activation::kSwiglu;
    model.gated_mlp = true;
    model.linear_bias = model.qkv_bias = model.norm_bias = false;
    model.position_embedding = PositionEmbedding::kRotary;
    model.num_kv_heads = pick<std::int64_t>(random, {2, 8});
  } else if (flip(random)) {
    model.token_types = 2;
    model.pooler = model.nsp_head = model.mlm_head = true;
    model.causal = false;
  }
  model.ffn_hidden_size = 256;
  return model;
}

Plan random_plan(std::mt19937& random) {
  Plan plan;
  plan.tp = pick<std::int64_t>(random, {1, 2, 4});
  plan.pp = pick<std::int64_t>(random, {1, 2, 3, 4, 6});
  plan.dp = pick<std::int64_t>(random, {1, 2, 3});
  plan.schedule = pick(random, {"gpipe", "one_f_one_b", "interleaved"});
  if (plan.schedule == "interleaved" && plan.pp > 1)
    plan.virtual_stages = pick<std::int64_t>(random, {1, 2, 3});
  plan.sequence_parallel = flip(random);
  plan.zero_stage = pick<std::int64_t>(random, {0, 1});
  plan.micro_batch_size = pick<std::int64_t>(random, {1, 2});
  plan.recompute = pick(random, {Recompute::kNone, Recompute::kSelective, Recompute::kFull});
  plan.overlap_grad_reduce = flip(random);
  plan.bucket_size = pick(random, {Bytes{1}, Bytes{300'000}, Bytes{1'000'000'000}});
  return plan;
}

Traits random_traits(std::mt19937& random) {
  Traits traits;
  for (bool Traits::*trait :
       {&Traits::flash_attention, &Traits::attention_dropout, &Traits::scatter_gather_p2p,
        &Traits::p2p_overlap, &Traits::p2p_host_wait, &Traits::gathered_inputs_kept,
        &Traits::gather_buffers_resident, &Traits::tensor_overlap, &Traits::fp32_gradients,
        &Traits::fp32_accumulation_copy, &Traits::fp32_grad_reduce, &Traits::grad_norm_clip,
        &Traits::fused_bias_gelu, &Traits::fused_norm, &Traits::fused_loss,
        &Traits::zero_by_tensor})
    traits.*trait = flip(random);
  traits.stage_balance = pick(
      random, {StageBalance::kUniform, StageBalance::kEndsMinusOne, StageBalance::kByComputeCost});
  traits.vocab_divisor = pick<std::int64_t>(random, {1, 128});
  return traits;
}

struct Case {
  explicit Case(unsigned seed) {
    std::mt19937 random(seed);
    model = random_model(random);
    plan = random_plan(random);
    traits = random_traits(random);
    const std::int64_t parts = plan.pp * plan.virtual_stages;
    model.num_layers = parts * pick<std::int64_t>(random, {1, 2});
    if (traits.stage_balance == StageBalance::kEndsMinusOne && parts > 1)
      model.num_layers = 2 * parts - 2;
    training.seq_len = 32;
    training.precision = pick(random, {Dtype::kFp32, Dtype::kFp16, Dtype::kBf16, Dtype::kFp8});
    const std::int64_t microbatches = plan.virtual_stages > 1
                                          ? plan.pp * pick<std::int64_t>(random, {1, 2, 3})
                                          : pick<std::int64_t>(random, {1, 2, 3, 5, 8});
    training.global_batch_size = microbatches * plan.dp * plan.micro_batch_size;
    if (!plan.sequence_parallel && flip(random)) training.seq_len = 1;  // tensors of a single row
    if (flip(random)) model.vocab_size *= 100;  // by cost, a head that leaves its stage no layer
    if (flip(random)) model.final_norm = false;
  }
  Model model;
  Plan plan;
  Training training;
  Traits traits;
};

TEST(Lowering, RandomPlansGiveSoundPrograms) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const Case c(seed);
    const Job job = lower(c.model, c.plan, c.training, c.traits);
    const std::vector<std::string> findings = verify(job);
    ASSERT_TRUE(findings.empty()) << "seed " << seed << ": tp " << c.plan.tp << " pp " << c.plan.pp
                                  << " dp " << c.plan.dp << " chunks " << c.plan.virtual_stages
                                  << " " << c.plan.schedule << "\n"
                                  << findings.front() << "\n"
                                  << (findings.size() > 1 ? findings[1] : "");
  }
}

TEST(Lowering, IsAPureFunction) {
  const Case c(7);
  const Job first = lower(c.model, c.plan, c.training, c.traits);
  const Job second = lower(c.model, c.plan, c.training, c.traits);
  ASSERT_EQ(first.programs.size(), second.programs.size());
  for (std::size_t p = 0; p < first.programs.size(); ++p)
    EXPECT_EQ(to_text(first.programs[p]), to_text(second.programs[p]));
}

}  // namespace
}  // namespace stepcast
