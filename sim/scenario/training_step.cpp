#include "sim/scenario/training_step.h"

#include "sim/base/json_writer.h"
#include "sim/model/operators.h"

namespace stepcast {
namespace {

void write(JsonWriter& json, const Model& model) {
  json.begin_object();
  json.member("name", model.name);
  json.member("num_layers", model.num_layers);
  json.member("hidden_size", model.hidden_size);
  json.member("num_heads", model.num_heads);
  json.member("num_kv_heads", model.num_kv_heads);
  json.member("head_dim", model.head_dim);
  json.member("ffn_hidden_size", model.ffn_hidden_size);
  json.member("activation", name_of(model.activation));
  json.member("gated_mlp", model.gated_mlp);
  json.member("norm", name_of(model.norm));
  json.member("norm_bias", model.norm_bias);
  json.member("linear_bias", model.linear_bias);
  json.member("qkv_bias", model.qkv_bias);
  json.member("position_embedding", name_of(model.position_embedding));
  json.member("max_positions", model.max_positions);
  json.member("vocab_size", model.vocab_size);
  json.member("tied_embeddings", model.tied_embeddings);
  json.member("causal", model.causal);
  json.member("embedding_norm", model.embedding_norm);
  json.member("final_norm", model.final_norm);
  json.member("token_types", model.token_types);
  json.member("pooler", model.pooler);
  json.member("mlm_head", model.mlm_head);
  json.member("nsp_head", model.nsp_head);
  json.end_object();
}

void write(JsonWriter& json, const Plan& plan) {
  json.begin_object();
  json.member("tp", plan.tp);
  json.member("pp", plan.pp);
  json.member("dp", plan.dp);
  json.member("virtual_stages", plan.virtual_stages);
  json.member("schedule", plan.schedule);
  json.member("micro_batch_size", plan.micro_batch_size);
  json.member("sequence_parallel", plan.sequence_parallel);
  json.member("zero_stage", plan.zero_stage);
  json.member("recompute", name_of(plan.recompute));
  json.end_object();
}

void write(JsonWriter& json, const Training& training) {
  json.begin_object();
  json.member("global_batch_size", training.global_batch_size);
  json.member("seq_len", training.seq_len);
  json.member("precision", name_of(training.precision));
  json.member("optimizer", training.optimizer);
  json.end_object();
}

/// Those that change what one rank computes.
void write(JsonWriter& json, const Traits& traits) {
  json.begin_object();
  json.member("flash_attention", traits.flash_attention);
  json.member("fp32_gradients", traits.fp32_gradients);
  json.member("grad_norm_clip", traits.grad_norm_clip);
  json.end_object();
}

}  // namespace

std::string training_step_json(const Scenario& scenario) {
  const Model& model = scenario.model;
  const Training& training = scenario.training;
  const Device& device = scenario.topology.device;
  JsonWriter json;
  json.begin_object();
  json.member("schema", "stepcast.training_step/1");
  json.member("scenario", scenario.name);
  json.key("model");
  write(json, model);
  json.member("padded_vocab_size",
              padded_vocabulary(model.vocab_size, scenario.traits.vocab_divisor, scenario.plan.tp));
  json.member("parameters", count_parameters(model).total);
  json.key("plan");
  write(json, scenario.plan);
  json.key("training");
  write(json, training);
  json.key("traits");
  write(json, scenario.traits);
  json.member("model_flops_per_step",
              training_flops(model, training.seq_len, training.global_batch_size).value());
  json.member("device", device.name);
  json.member("generation", device.generation);
  json.member("peak_flops_per_s", device.peak(training.precision).value());
  json.end_object();
  return json.text();
}

}  // namespace stepcast
