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
  if (bert)
    return "BERT's heads and segments have no data to train on (mlm_head, pooler, nsp_head and "
           "token_types of the model)";
  if (model.position_embedding == PositionEmbedding::kAlibi)
    return "ALiBi has no kernel of its own; set position_embedding of the model to learned, rotary "
           "or none";
  if (model.gated_mlp && model.activation != Activation::kSwiglu)
    return "only SiLU has a kernel as the function of a gate; set activation of the model to "
           "swiglu, or gated_mlp to false";
  if (model.num_kv_heads % plan.tp != 0)
    return "copies of key heads on several ranks do not add up their gradients; plan.tp = " +
           std::to_string(plan.tp) +
           " must divide num_kv_heads = " + std::to_string(model.num_kv_heads) +
           " of the model for that";
  if (!traits.fused_norm)
    return "the casts of unfused norms are timed only; set fused_norm of the stack's traits";
  if (!traits.fused_loss)
    return "the cast of the logits is timed only; set fused_loss of the stack's traits";
  if (!traits.fused_bias_gelu && (model.gated_mlp || model.linear_bias))
    return "the parts of an unfused activation are timed only; set fused_bias_gelu of the stack's "
           "traits";
  if (shards_by_tensor())
    return "buffers of weights that ZeRO shares out by tensor are timed only; set zero_by_tensor "
           "of the stack's traits to false, or plan.zero_stage to 0";
  if (keeps_half_gradients())
    return "16-bit gradients beside their fp32 sums are timed only; set fp32_accumulation_copy of "
           "the stack's traits to false";
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
