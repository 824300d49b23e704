#include "sim/lowering/step.h"

#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

LocalShape shape_of(const Model& model, const Plan& plan, const Training& training,
                    const Traits& traits) {
  return {.tp = plan.tp,
          .sequence_parallel = plan.sequence_parallel,
          .batch = plan.micro_batch_size,
          .seq_len = training.seq_len,
          .dtype = training.precision,
          .padded_vocab = padded_vocabulary(model.vocab_size, traits.vocab_divisor, plan.tp),
          .flash_attention = traits.flash_attention,
          .attention_dropout = traits.attention_dropout,
          .fused_activation = traits.fused_bias_gelu,
          .fused_norm = traits.fused_norm,
          .fused_loss = traits.fused_loss,
          .gathered_inputs_kept = traits.gathered_inputs_kept,
          .loss_scale = 1 / static_cast<double>(training.global_batch_size * training.seq_len)};
}

std::uint32_t microbatches_of(const Plan& plan, const Training& training) {
  const std::int64_t per_round = plan.dp * plan.micro_batch_size;
  STEPCAST_CHECK(per_round > 0 && training.global_batch_size % per_round == 0,
                 "global_batch_size must be a multiple of dp * micro_batch_size");
  return static_cast<std::uint32_t>(training.global_batch_size / per_round);
}

}  // namespace

std::string Step::why_timing_only() const {
  const bool bert = model.mlm_head || model.nsp_head || model.pooler || model.token_types > 0;
  if (bert) return "BERT's heads and segments have no data to train on";
  if (model.position_embedding == PositionEmbedding::kAlibi)
    return "ALiBi has no kernel of its own";
  if (model.num_kv_heads % plan.tp != 0)
    return "copies of key heads on several ranks do not add up their gradients";
  if (!traits.fused_norm) return "the casts of unfused norms are timed only";
  if (!traits.fused_loss) return "the cast of the logits is timed only";
  if (!traits.fused_bias_gelu && (model.gated_mlp || model.linear_bias))
    return "the parts of an unfused activation are timed only";
  if (shards_by_tensor() || keeps_half_gradients())
    return "nanotron's buffers of gradients and gathered weights are timed only";
  return {};
}

Step::Step(const Model& the_model, const Plan& the_plan, const Training& training,
           const Traits& the_traits)
    : model(the_model),
      plan(the_plan),
      traits(the_traits),
      optimizer(find_optimizer(training.optimizer)),
      shape(shape_of(the_model, the_plan, training, the_traits)),
      microbatches(microbatches_of(the_plan, training)) {
  if (plan.zero_stage > 1)
    throw Error(ErrorKind::kUnsupported, "plan.zero_stage = " + std::to_string(plan.zero_stage) +
                                             " is not expressed yet; 0 and 1 are");
}

}  // namespace stepcast
